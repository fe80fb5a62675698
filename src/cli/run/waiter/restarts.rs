//! How often a command is run again, and after how long.

use std::time::Duration;

use crate::model::Boottime;

/// So often within [`WITHIN`]: what does not get through an hour with five new starts needs a person.
pub(super) const MOST: usize = 5;

/// See [`MOST`].
const WITHIN: Duration = Duration::from_hours(1);

/// Before the first one; twice as long before each further one.
const FIRST: Duration = Duration::from_secs(1);

/// The starts so far.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    times: Vec<Boottime>,
}

/// One more start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// After this time.
    pub(super) pause: Duration,
    /// How many it is within the hour.
    pub(super) number: usize,
}

impl Restarts {
    /// The next one; `None` where there were enough.
    pub(super) fn next(&mut self, now: Boottime) -> Option<Turn> {
        self.times.retain(|time| now.since(*time) < WITHIN);
        let before = self.times.len();
        if before >= MOST {
            return None;
        }
        self.times.push(now);
        Some(Turn { pause: FIRST * (1 << before), number: before + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_until_there_were_enough() {
        let at = |minutes: u64| Boottime::new(Duration::from_mins(minutes));
        let mut restarts = Restarts::default();
        let pauses: Vec<u64> = (0..5).map(|n| restarts.next(at(10 * n)).unwrap().pause.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16]);
        assert_eq!(restarts.next(at(59)), None);
        let later = Turn { pause: Duration::from_secs(16), number: 5 };
        assert_eq!(restarts.next(at(60)), Some(later), "the first is an hour ago");
        let much_later = Turn { pause: Duration::from_secs(1), number: 1 };
        assert_eq!(restarts.next(at(300)), Some(much_later));
    }
}
