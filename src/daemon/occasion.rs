//! Why a whole look is taken, and how closely it looks.

use std::time::Duration;

/// What waits for a look and is no danger waits for so long: newcomers, and the next update of a stream.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// A look that memory asks for so long after the last one is the policy's round and no sign of anything: where all
/// agents rest it goes its rounds each 10 s (`AT_REST` of `policy::pace`), and looks sooner where something moves.
const ROUND: Duration = Duration::from_millis(9900);

/// Why a whole look is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The kernel's alarm, or nothing could be seen the last time.
    Alarm,
    /// Somebody wants to know.
    Reader,
    /// The policy asks for it.
    Memory,
    /// A process has started, or a young one may not be yet what it is to be.
    Newcomers,
}

impl Occasion {
    /// How old the last sweep of all processes may be. It finds what no pid tells, an exec in place of an old process;
    /// that matters when its memory moves or somebody asks, and costs 5 to 10 µs a process.
    pub(super) fn sweep(self, since_look: Duration) -> Duration {
        let moves = self == Self::Memory && since_look < ROUND;
        if moves || matches!(self, Self::Alarm | Self::Reader) {
            Duration::from_secs(1)
        } else {
            Duration::from_mins(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calm_guest_is_swept_seldom() {
        let sweep = |occasion: Occasion, since| occasion.sweep(Duration::from_secs(since)).as_secs();
        assert_eq!(sweep(Occasion::Memory, 10), 60);
        assert_eq!(sweep(Occasion::Newcomers, 1), 60);
        assert_eq!(sweep(Occasion::Memory, 1), 1);
        assert_eq!([Occasion::Alarm, Occasion::Reader].map(|o| sweep(o, 10)), [1, 1]);
    }
}
