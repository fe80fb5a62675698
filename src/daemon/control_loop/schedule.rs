//! Whether the loop wakes when it should: under pressure it is itself among those that wait for memory.

use std::time::{Duration, Instant};

use crate::api::status::SupervisorInfo;

/// Later than this is a missed deadline. Timers round up to a millisecond, and a busy guest with two processors lets
/// us wait for a time slice or two; neither is worth telling.
const LATE: Duration = Duration::from_millis(100);

/// Takes in a wake that was planned for `planned`. The clock of both stands still while the guest is suspended
/// (`CLOCK_MONOTONIC`), so a resumed guest has missed nothing.
pub(crate) fn woke(info: &mut SupervisorInfo, planned: Instant, now: Instant) {
    let late = now.saturating_duration_since(planned);
    if late > LATE {
        info.missed += 1;
        info.worst_late_usec = info.worst_late_usec.max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_clearly_late_counts_and_the_worst_is_kept() {
        let planned = Instant::now();
        let mut info = SupervisorInfo::default();
        for late in [0, 1, 100] {
            woke(&mut info, planned, planned + Duration::from_millis(late));
        }
        // Before its time: somebody called.
        woke(&mut info, planned + Duration::from_secs(5), planned);
        assert_eq!(info, SupervisorInfo::default());
        for late in [101, 240, 150] {
            woke(&mut info, planned, planned + Duration::from_millis(late));
        }
        assert_eq!((info.missed, info.worst_late_usec), (3, 240_000));
    }
}
