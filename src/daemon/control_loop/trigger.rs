//! Why a whole look is taken, and how closely it looks.

use std::time::Duration;

use crate::sampler::ScanDepth;

/// What waits for a look and is no danger waits for so long: newcomers, and the next update of a stream.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Why a whole look is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleTrigger {
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

impl SampleTrigger {
    /// How closely to look. What no pid tells and what shows in no count matters when memory moves or somebody asks; and
    /// while somebody is being ended (`acting`), since in a guest with hundreds of busy processes a fork may take longer than
    /// its pid is looked for, and who was not seen is not ended.
    pub(crate) fn scan_depth(self, acting: bool) -> ScanDepth {
        match self {
            Self::Round | Self::Newcomers if !acting => ScanDepth::Incremental,
            _ => ScanDepth::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calm_guest_is_looked_at_calmly() {
        use SampleTrigger::{Alarm, Memory, Newcomers, Reader, Round};
        assert_eq!(
            [Round, Newcomers].map(|occasion| occasion.scan_depth(false)),
            [ScanDepth::Incremental; 2]
        );
        assert_eq!([Memory, Alarm, Reader].map(|occasion| occasion.scan_depth(false)), [ScanDepth::Full; 3]);
        assert_eq!([Round, Newcomers].map(|occasion| occasion.scan_depth(true)), [ScanDepth::Full; 2]);
    }
}
