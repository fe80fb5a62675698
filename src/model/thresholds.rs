//! The two thresholds on an agent's charge.

use super::Bytes;

/// The effective thresholds on this machine: `warn` is below `kill`, and `kill` can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Above this an agent is warned about.
    pub warn: Bytes,
    /// Above this an action is taken on an agent.
    pub kill: Bytes,
}

/// Fraction of the limit between a limited agent's kill threshold and its limit, for the memory that a handler of `TERM`
/// needs, and for the throttle, which has no effect below 1.4 % above the threshold (`calculate_high_delay` of
/// `mm/memcontrol.c`, at 250 ticks a second).
const HEADROOM_DIVISOR: u64 = 32;

impl Thresholds {
    /// The highest kill threshold of an agent with the limit `limit`.
    #[must_use]
    pub fn below_wall(limit: Bytes) -> Bytes {
        limit.saturating_sub(limit.share(1, HEADROOM_DIVISOR))
    }

    /// The thresholds of an agent with the limit `limit`: lower ones if it could not reach these.
    #[must_use]
    pub fn within(self, limit: Option<Bytes>) -> Self {
        let Some(limit) = limit else { return self };
        let own = Self::below_wall(limit);
        if own >= self.kill {
            return self;
        }
        // In the proportion of the default thresholds, 55 to 85 % of memory.
        let warn = self.warn.min(own.share(55, 85));
        Self { warn, kill: own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_lowers_thresholds_and_never_raises_them() {
        let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
        assert_eq!(thresholds.within(None), thresholds);
        assert_eq!(thresholds.within(Some(Bytes::gib(14))), thresholds);
        let own = thresholds.within(Some(Bytes::mib(320)));
        assert_eq!(own, Thresholds { warn: Bytes::mib(310).share(55, 85), kill: Bytes::mib(310) });
        let large = thresholds.within(Some(Bytes::gib(13)));
        assert_eq!(large, Thresholds { warn: Bytes::gib(8), kill: Bytes::mib(13 * 992) });
    }
}
