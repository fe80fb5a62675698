//! The two thresholds on an agent's charge.

use super::Bytes;

/// The lines that count in this guest: `warn` is below `kill`, and `kill` is a line the guest can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// From here an agent is warned of.
    pub warn: Bytes,
    /// From here an agent is acted upon.
    pub kill: Bytes,
}

/// Between a limited agent's line and its wall: for what a handler of `TERM` needs, and for the brake, which does not slow
/// anybody down before 1.4 % above the line (`calculate_high_delay` of `mm/memcontrol.c`, at 250 ticks a second).
const ROOM_SHARE: u64 = 32;

impl Thresholds {
    /// The highest kill threshold of an agent that may hold no more than `limit`.
    #[must_use]
    pub fn below_wall(limit: Bytes) -> Bytes {
        limit.saturating_sub(limit.share(1, ROOM_SHARE))
    }

    /// The lines of an agent that may hold no more than `limit`: it never gets to lines above that.
    #[must_use]
    pub fn within(self, limit: Option<Bytes>) -> Self {
        let Some(limit) = limit else { return self };
        let own = Self::below_wall(limit);
        if own >= self.kill {
            return self;
        }
        // In the proportion that the usual lines have, 55 to 85 % of a guest.
        let warn = self.warn.min(own.share(55, 85));
        Self { warn, kill: own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_brings_the_lines_down_and_never_up() {
        let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
        assert_eq!(thresholds.within(None), thresholds);
        assert_eq!(thresholds.within(Some(Bytes::gib(14))), thresholds);
        let own = thresholds.within(Some(Bytes::mib(320)));
        assert_eq!(own, Thresholds { warn: Bytes::mib(310).share(55, 85), kill: Bytes::mib(310) });
        let large = thresholds.within(Some(Bytes::gib(13)));
        assert_eq!(large, Thresholds { warn: Bytes::gib(8), kill: Bytes::mib(13 * 992) });
    }
}
