//! How fine the past is kept, and for how long.

/// A width of spans, and how many rows of them there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    /// Seconds of a span.
    pub(super) width: u32,
    /// Seconds that its spans are kept.
    pub(super) keep: i64,
    /// What is asked of the past is answered by this tier up to so many seconds: 1440 points of a series at the most.
    pub(super) answers: i64,
    /// Its share of the rows that fit on disk, in percent.
    pub(super) share: u64,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// From the finest to the coarsest. A day is what a forecast and a work day look back on, a month is what there is to
/// compare with.
pub(super) const TIERS: [Tier; 3] = [
    Tier { width: 60, keep: 25 * HOUR, answers: DAY, share: 60 },
    Tier { width: 600, keep: 8 * DAY, answers: 8 * DAY, share: 25 },
    Tier { width: 3600, keep: 31 * DAY, answers: 31 * DAY, share: 15 },
];

/// Looks are kept as they were for so long, in memory.
pub(super) const RECENT: i64 = 10 * MINUTE;

/// What is asked of no longer ago is answered with them.
pub(super) const FINE: i64 = 3 * HOUR;

impl Tier {
    /// When the span begins that a moment is in.
    pub(super) fn start(&self, time: i64) -> i64 {
        time - time.rem_euclid(i64::from(self.width))
    }

    /// The tier that a question about so many seconds is answered from.
    pub(super) fn of(seconds: i64) -> usize {
        TIERS.iter().position(|tier| seconds <= tier.answers).unwrap_or(TIERS.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tier_is_made_of_whole_spans_of_the_finer_one() {
        for pair in TIERS.windows(2) {
            assert_eq!(pair[1].width % pair[0].width, 0);
            assert!(pair[1].keep > pair[0].keep && pair[0].keep >= pair[0].answers);
        }
        assert_eq!(TIERS.iter().map(|tier| tier.share).sum::<u64>(), 100);
        assert!(TIERS.iter().all(|tier| tier.answers / i64::from(tier.width) <= 1440));
    }

    #[test]
    fn a_span_begins_at_a_multiple_of_its_width() {
        assert_eq!([0, 59, 60, 119, -1].map(|time| TIERS[0].start(time)), [0, 0, 60, 60, -60]);
        let hours = |hours| Tier::of(hours * HOUR);
        assert_eq!([1, 24, 25, 192, 193, 9999].map(hours), [0, 0, 1, 1, 2, 2]);
    }
}
