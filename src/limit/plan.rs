//! Decides the limits of a request: of a new scope, or of the limited scope that the process is in already.

use super::memory_limits::whole_pages;
use super::{LimitError, MemoryLimits, RequestedLimits, default_swap};
use crate::model::{Bytes, Thresholds};

/// The smallest limit accepted: a bash at its prompt has 4M resident.
const MIN_LIMIT: Bytes = Bytes::mib(8);

/// The limited scope that the process of a request is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentScope {
    /// The scope's name.
    pub name: String,
    /// Its `memory.max`; `None`: no limit.
    pub max: Option<Bytes>,
    /// Its `memory.swap.max`; `None`: no limit.
    pub swap_max: Option<Bytes>,
    /// Memory in it, without page cache.
    pub used: Bytes,
}

/// The effect of a request on the scope that its process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tightening {
    /// The scope gets lower limits. A further scope beside it would let the process escape the first.
    Change(MemoryLimits),
    /// The scope's limits are low enough already.
    Unchanged(MemoryLimits),
}

/// The limits of a new scope, where all limited agents together have `cap`.
///
/// # Errors
/// [`LimitError::TooSmall`].
pub fn plan_new(request: RequestedLimits, cap: Bytes) -> Result<MemoryLimits, LimitError> {
    if request.max < MIN_LIMIT {
        return Err(LimitError::TooSmall { requested: request.max, min: MIN_LIMIT });
    }
    let max = whole_pages(request.max.min(cap));
    Ok(MemoryLimits { max, swap_max: whole_pages(request.swap_max.unwrap_or_else(|| default_swap(max))) })
}

/// The effect of `request` inside of `scope`: never more than the scope has.
///
/// # Errors
/// [`LimitError::TooSmall`], and [`LimitError::InUse`] if the scope's processes use more than that already.
pub fn plan_tighten(
    request: RequestedLimits,
    cap: Bytes,
    scope: &CurrentScope,
) -> Result<Tightening, LimitError> {
    let requested = plan_new(request, cap)?;
    let min = |current: Option<Bytes>, requested: Bytes| current.map_or(requested, |now| now.min(requested));
    // The default swap does not lower the scope's own.
    let swap_max = match (scope.swap_max, request.swap_max) {
        (Some(current), None) => current,
        (current, _) => min(current, requested.swap_max),
    };
    let tight = MemoryLimits { max: min(scope.max, requested.max), swap_max };
    if scope.max == Some(tight.max) && scope.swap_max == Some(tight.swap_max) {
        return Ok(Tightening::Unchanged(tight));
    }
    // Above this threshold a process of the scope would be killed at once.
    if scope.used >= Thresholds::below_wall(tight.max) {
        return Err(LimitError::InUse { scope: scope.name.clone(), used: scope.used, requested: tight.max });
    }
    Ok(Tightening::Change(tight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{DEFAULT_LIMIT, slice_cap};

    const CAP: Bytes = Bytes::gib(13);

    fn scope(max: Bytes, used: Bytes) -> CurrentScope {
        let name = "agent-claude-7.scope".to_owned();
        CurrentScope { name, max: Some(max), swap_max: Some(Bytes::mib(512)), used }
    }

    fn tighten(max: Bytes, scope: &CurrentScope) -> Result<Tightening, LimitError> {
        plan_tighten(RequestedLimits { max, swap_max: None }, CAP, scope)
    }

    #[test]
    fn a_limit_is_as_requested_up_to_the_cap() {
        let plan = |max, swap_max, cap| plan_new(RequestedLimits { max, swap_max }, cap).unwrap();
        let uncapped = plan(Bytes::gib(8), None, CAP);
        assert_eq!((uncapped.max, uncapped.swap_max), (Bytes::gib(8), Bytes::mib(512)));
        let clamped = plan(DEFAULT_LIMIT, None, slice_cap(Bytes::gib(8)));
        assert_eq!(clamped.max, Bytes::kib(7_130_304 / 64 * 64), "85 % of 8G");
        assert_eq!(plan(Bytes::mib(300), Some(Bytes::ZERO), CAP).swap_max, Bytes::ZERO);
        assert_eq!(plan(Bytes::mib(320), None, CAP).swap_max, Bytes::mib(20));
    }

    #[test]
    fn a_limit_too_small_for_any_program_is_refused() {
        let error = plan_new(RequestedLimits { max: Bytes::mib(1), swap_max: None }, CAP).unwrap_err();
        assert_eq!(error.to_string(), "a limit of 1M is too small, the minimum is 8M");
    }

    #[test]
    fn a_second_limit_tightens_and_never_widens() {
        let eight = scope(Bytes::gib(8), Bytes::gib(1));
        let limits = |max| MemoryLimits { max, swap_max: Bytes::mib(512) };
        assert_eq!(tighten(Bytes::gib(12), &eight), Ok(Tightening::Unchanged(limits(Bytes::gib(8)))));
        assert_eq!(tighten(Bytes::gib(8), &eight), Ok(Tightening::Unchanged(limits(Bytes::gib(8)))));
        assert_eq!(tighten(Bytes::gib(4), &eight), Ok(Tightening::Change(limits(Bytes::gib(4)))));
        let none = RequestedLimits { max: Bytes::gib(12), swap_max: Some(Bytes::ZERO) };
        let tight = MemoryLimits { max: Bytes::gib(8), swap_max: Bytes::ZERO };
        assert_eq!(plan_tighten(none, CAP, &eight), Ok(Tightening::Change(tight)));
        let more = RequestedLimits { max: Bytes::gib(12), swap_max: Some(Bytes::gib(9)) };
        assert_eq!(plan_tighten(more, CAP, &eight), Ok(Tightening::Unchanged(limits(Bytes::gib(8)))));
    }

    #[test]
    fn a_limit_below_the_memory_in_use_is_refused() {
        let full = scope(Bytes::gib(8), Bytes::gib(5));
        let error = tighten(Bytes::gib(4), &full).unwrap_err().to_string();
        assert_eq!(error, "agent-claude-7.scope uses 5G, too much for a limit of 4G");
        let near = scope(Bytes::gib(8), Bytes::mib(3970));
        assert!(tighten(Bytes::gib(4), &near).is_err(), "above the kill threshold that it would get");
        let below = scope(Bytes::gib(8), Bytes::mib(3900));
        assert!(tighten(Bytes::gib(4), &below).is_ok());
    }
}
