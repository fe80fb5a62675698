//! What a limit comes to, outside of any other and inside of one.

use super::{LimitError, MemoryLimits, RequestedLimits};
use crate::model::{Bytes, Thresholds};

/// The scope that somebody is in who asks for a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentScope {
    /// Its name.
    pub scope: String,
    /// What it has; `None`: no limit.
    pub max: Option<Bytes>,
    /// Its swap; `None`: no limit.
    pub swap: Option<Bytes>,
    /// What is in it, page cache aside.
    pub held: Bytes,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A scope of its own.
    Start(MemoryLimits),
    /// The scope that it is in gets less. Another one beside it would be a way out of it.
    Tighten(MemoryLimits),
    /// The scope that it is in has no more already.
    Keep(MemoryLimits),
}

/// What `wish` comes to where all together may have `cap`.
///
/// # Errors
/// [`LimitError`], and then nothing is to be done.
pub fn plan(
    wish: RequestedLimits,
    cap: Option<Bytes>,
    inside: Option<&CurrentScope>,
) -> Result<Plan, LimitError> {
    let shape = wish.shape(cap)?;
    let Some(inside) = inside else { return Ok(Plan::Start(shape)) };
    let least = |now: Option<Bytes>, asked: Bytes| now.map_or(asked, |now| now.min(asked));
    // Less swap is what was asked for only where it was said.
    let swap = match (inside.swap, wish.swap) {
        (Some(now), None) => now,
        (now, _) => least(now, shape.swap),
    };
    let tight = MemoryLimits { max: least(inside.max, shape.max), swap };
    if inside.max == Some(tight.max) && inside.swap == Some(tight.swap) {
        return Ok(Plan::Keep(tight));
    }
    // Above its line somebody in it is acted upon.
    if inside.held >= Thresholds::below_wall(tight.max) {
        return Err(LimitError::HoldsMore {
            scope: inside.scope.clone(),
            held: inside.held,
            asked: tight.max,
        });
    }
    Ok(Plan::Tighten(tight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(max: Bytes, held: Bytes) -> CurrentScope {
        CurrentScope {
            scope: "agent-claude-7.scope".to_owned(),
            max: Some(max),
            swap: Some(Bytes::mib(512)),
            held,
        }
    }

    fn asked(limit: Bytes, inside: &CurrentScope) -> Result<Plan, LimitError> {
        plan(RequestedLimits { limit, swap: None }, Some(Bytes::gib(13)), Some(inside))
    }

    #[test]
    fn a_second_limit_tightens_and_never_widens() {
        let eight = inside(Bytes::gib(8), Bytes::gib(1));
        let shape = |max| MemoryLimits { max, swap: Bytes::mib(512) };
        assert_eq!(asked(Bytes::gib(12), &eight), Ok(Plan::Keep(shape(Bytes::gib(8)))));
        assert_eq!(asked(Bytes::gib(8), &eight), Ok(Plan::Keep(shape(Bytes::gib(8)))));
        assert_eq!(asked(Bytes::gib(4), &eight), Ok(Plan::Tighten(shape(Bytes::gib(4)))));
        let none = RequestedLimits { limit: Bytes::gib(12), swap: Some(Bytes::ZERO) };
        let tight = MemoryLimits { max: Bytes::gib(8), swap: Bytes::ZERO };
        assert_eq!(plan(none, None, Some(&eight)), Ok(Plan::Tighten(tight)));
        let more = RequestedLimits { limit: Bytes::gib(12), swap: Some(Bytes::gib(9)) };
        assert_eq!(plan(more, None, Some(&eight)), Ok(Plan::Keep(shape(Bytes::gib(8)))));
    }

    #[test]
    fn nobody_is_ended_by_a_limit_that_is_asked_for() {
        let full = inside(Bytes::gib(8), Bytes::gib(5));
        let error = asked(Bytes::gib(4), &full).unwrap_err().to_string();
        assert_eq!(
            error,
            "agent-claude-7.scope holds 5G already, too much for the 4G that it was to be tightened to"
        );
        let near = inside(Bytes::gib(8), Bytes::mib(3970));
        assert!(asked(Bytes::gib(4), &near).is_err(), "above the line that it would get");
        let below = inside(Bytes::gib(8), Bytes::mib(3900));
        assert!(asked(Bytes::gib(4), &below).is_ok());
    }

    #[test]
    fn outside_of_any_it_is_a_scope_of_its_own() {
        let shape = MemoryLimits { max: Bytes::gib(8), swap: Bytes::mib(512) };
        assert_eq!(
            plan(RequestedLimits { limit: Bytes::gib(8), swap: None }, None, None),
            Ok(Plan::Start(shape))
        );
    }
}
