//! Resolution and retention of the history.

/// A width of spans, with its maximum number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    /// Seconds of a span.
    pub(super) width: u32,
    /// Retention of its spans, in seconds.
    pub(super) retention: i64,
    /// The longest request answered by this tier, in seconds: at most 1440 points for each series.
    pub(super) max_request_seconds: i64,
    /// Its share of the rows that fit on disk, in percent.
    pub(super) share: u64,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// From the finest to the coarsest. A forecast and a working day need one day; a month is for comparison.
pub(super) const TIERS: [Tier; 3] = [
    Tier { width: 60, retention: 25 * HOUR, max_request_seconds: DAY, share: 60 },
    Tier { width: 600, retention: 8 * DAY, max_request_seconds: 8 * DAY, share: 25 },
    Tier { width: 3600, retention: 31 * DAY, max_request_seconds: 31 * DAY, share: 15 },
];

/// Samples are kept unchanged in memory for this long.
pub(super) const SAMPLE_RETENTION_SECONDS: i64 = 10 * MINUTE;

/// Requests for at most this long are answered from samples.
pub(super) const MAX_SAMPLE_REPLY_SECONDS: i64 = 3 * HOUR;

impl Tier {
    /// The start of the span that contains a moment.
    pub(super) fn start(&self, time: i64) -> i64 {
        time - time.rem_euclid(i64::from(self.width))
    }

    /// The tier for a request of this many seconds.
    pub(super) fn index_for(seconds: i64) -> usize {
        TIERS.iter().position(|tier| seconds <= tier.max_request_seconds).unwrap_or(TIERS.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tier_consists_of_whole_finer_spans() {
        for pair in TIERS.windows(2) {
            assert_eq!(pair[1].width % pair[0].width, 0);
            assert!(
                pair[1].retention > pair[0].retention && pair[0].retention >= pair[0].max_request_seconds
            );
        }
        assert_eq!(TIERS.iter().map(|tier| tier.share).sum::<u64>(), 100);
        assert!(TIERS.iter().all(|tier| tier.max_request_seconds / i64::from(tier.width) <= 1440));
    }

    #[test]
    fn a_span_starts_at_a_multiple_of_its_width() {
        assert_eq!([0, 59, 60, 119, -1].map(|time| TIERS[0].start(time)), [0, 0, 60, 60, -60]);
        let hours = |hours| Tier::index_for(hours * HOUR);
        assert_eq!([1, 24, 25, 192, 193, 9999].map(hours), [0, 0, 1, 1, 2, 2]);
    }
}
