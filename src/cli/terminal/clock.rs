//! The wall clock in the local time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::time::UnixSeconds;

const DAY_SECONDS: i64 = 24 * 3600;

/// The current time and the time zone.
#[derive(Clone, Debug)]
pub struct Clock {
    now: UnixSeconds,
    zone: TimeZone,
}

impl Clock {
    /// A clock that shows `now` in `zone`.
    #[must_use]
    pub fn new(now: UnixSeconds, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// The current time in `TZ`, else the system's time zone.
    #[must_use]
    pub fn here() -> Self {
        Self::new(UnixSeconds(Timestamp::now().as_second()), TimeZone::system())
    }

    /// The same time zone at another time.
    #[must_use]
    pub fn at(self, now: UnixSeconds) -> Self {
        Self { now, ..self }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.now
    }

    /// `15:40`, or on another day `02:10 on 26 Nov`. For sentences.
    #[must_use]
    pub fn in_sentence(&self, time: UnixSeconds) -> String {
        let local = self.local(time);
        if self.is_today(time) { hour(local) } else { format!("{} on {}", hour(local), day(local)) }
    }

    /// `15:40`, or on another day `26 Nov 02:10`. For lists.
    #[must_use]
    pub fn in_list(&self, time: UnixSeconds) -> String {
        let local = self.local(time);
        if self.is_today(time) { hour(local) } else { format!("{} {}", day(local), hour(local)) }
    }

    /// Local time in seconds since its 1970.
    pub(in crate::cli) fn local(&self, time: UnixSeconds) -> i64 {
        let offset = Timestamp::from_second(time.0).map(|time| self.zone.to_offset(time).seconds());
        time.0.saturating_add(offset.map_or(0, i64::from))
    }

    fn is_today(&self, time: UnixSeconds) -> bool {
        self.local(time).div_euclid(DAY_SECONDS) == self.local(self.now).div_euclid(DAY_SECONDS)
    }
}

/// Hours and minutes of a local time: `15:40`.
pub(in crate::cli) fn hour(local: i64) -> String {
    let minutes = local.rem_euclid(DAY_SECONDS) / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Day and month of a local time: `26 Nov`; a dash outside of the calendar.
pub(in crate::cli) fn day(local: i64) -> String {
    let date = Timestamp::from_second(local).map(|time| TimeZone::UTC.to_datetime(time).date());
    date.map_or_else(|_| "-".to_owned(), |date| date.strftime("%-d %b").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-25 15:00 UTC.
    const NOW: UnixSeconds = UnixSeconds(1_795_618_800);

    #[test]
    fn another_day_is_shown_with_its_date() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let clock = Clock::new(NOW, berlin);
        assert_eq!(clock.in_sentence(NOW), "16:00");
        assert_eq!(clock.in_sentence(UnixSeconds(NOW.0 + 8 * 3600 + 60)), "00:01 on 26 Nov");
        assert_eq!(clock.in_list(UnixSeconds(NOW.0 - 16 * 3600 - 60)), "24 Nov 23:59");
        // Summer time: another offset.
        assert_eq!(clock.in_list(UnixSeconds(NOW.0 - 60 * DAY_SECONDS)), "26 Sep 17:00");
    }

    #[test]
    fn extreme_times_are_shown() {
        let clock = Clock::new(UnixSeconds(i64::MAX), TimeZone::UTC);
        for time in [i64::MIN, -1, 0, i64::MAX] {
            assert!(clock.in_sentence(UnixSeconds(time)).len() < 20);
        }
    }
}
