//! Why a whole look is taken, and how closely it looks.

use std::time::Duration;

/// What waits for a look and is no danger waits for so long: newcomers, and the next update of a stream.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// Why a whole look is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The kernel's alarm, or nothing could be seen the last time.
    Alarm,
    /// Somebody wants to know.
    Reader,
    /// Memory moves.
    Memory,
    /// The policy goes its rounds.
    Round,
    /// A process has started, or a young one may not be yet what it is to be.
    Newcomers,
}

impl Occasion {
    /// How old the last sweep of all processes may be. It finds what no pid tells, an exec in place of an old process;
    /// that matters when its memory moves or somebody asks, and costs 5 to 10 µs a process.
    pub(super) fn sweep(self) -> Duration {
        match self {
            Self::Alarm | Self::Reader | Self::Memory => Duration::from_secs(1),
            Self::Round | Self::Newcomers => Duration::from_mins(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calm_guest_is_swept_seldom() {
        use Occasion::{Alarm, Memory, Newcomers, Reader, Round};
        let sweeps = [Round, Newcomers, Memory, Alarm, Reader].map(|o| o.sweep().as_secs());
        assert_eq!(sweeps, [60, 60, 1, 1, 1]);
    }
}
