//! How often a command is restarted, and after which pause.

use std::time::Duration;

use crate::model::Boottime;

/// Restarts within [`RESTART_WINDOW`]: a command that fails five times in an hour needs a person.
pub(super) const MAX_RESTARTS: usize = 5;

/// See [`MAX_RESTARTS`].
const RESTART_WINDOW: Duration = Duration::from_hours(1);

/// Pause before the first restart; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The restarts so far.
#[derive(Debug, Default)]
pub(super) struct RestartBudget {
    times: Vec<Boottime>,
}

/// One restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RestartAttempt {
    /// Pause before it.
    pub(super) pause: Duration,
    /// Its number within [`RESTART_WINDOW`], from 1.
    pub(super) number: usize,
}

impl RestartBudget {
    /// The next restart; `None` after [`MAX_RESTARTS`].
    pub(super) fn next(&mut self, now: Boottime) -> Option<RestartAttempt> {
        self.times.retain(|time| now.since(*time) < RESTART_WINDOW);
        let before = self.times.len();
        if before >= MAX_RESTARTS {
            return None;
        }
        self.times.push(now);
        Some(RestartAttempt { pause: FIRST_PAUSE * (1 << before), number: before + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_until_the_restarts_are_used_up() {
        let at = |minutes: u64| Boottime::new(Duration::from_mins(minutes));
        let mut restarts = RestartBudget::default();
        let pauses: Vec<u64> = (0..5).map(|n| restarts.next(at(10 * n)).unwrap().pause.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16]);
        assert_eq!(restarts.next(at(59)), None);
        let later = RestartAttempt { pause: Duration::from_secs(16), number: 5 };
        assert_eq!(restarts.next(at(60)), Some(later), "the first is an hour ago");
        let much_later = RestartAttempt { pause: Duration::from_secs(1), number: 1 };
        assert_eq!(restarts.next(at(300)), Some(much_later));
    }
}
