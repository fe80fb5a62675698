//! The wall clock, as people read it: in their time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::time::UnixSeconds;

const DAY: i64 = 24 * 3600;

/// What time it is, and where.
#[derive(Clone, Debug)]
pub struct Clock {
    now: UnixSeconds,
    zone: TimeZone,
}

impl Clock {
    /// That time, there.
    #[must_use]
    pub fn new(now: UnixSeconds, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// Now, here: `TZ`, else the system's time zone.
    #[must_use]
    pub fn here() -> Self {
        Self::new(UnixSeconds(Timestamp::now().as_second()), TimeZone::system())
    }

    /// The same place at another time.
    #[must_use]
    pub fn at(self, now: UnixSeconds) -> Self {
        Self { now, ..self }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.now
    }

    /// `15:40`; of another day `02:10 on 26 Nov`. For sentences.
    #[must_use]
    pub fn told(&self, time: UnixSeconds) -> String {
        let local = self.local(time);
        if self.is_today(time) { hour(local) } else { format!("{} on {}", hour(local), day(local)) }
    }

    /// `15:40`; of another day `26 Nov 02:10`. For lists.
    #[must_use]
    pub fn stamp(&self, time: UnixSeconds) -> String {
        let local = self.local(time);
        if self.is_today(time) { hour(local) } else { format!("{} {}", day(local), hour(local)) }
    }

    /// What the clock on the wall shows, in seconds since it showed the beginning of 1970.
    pub(in crate::cli) fn local(&self, time: UnixSeconds) -> i64 {
        let offset = Timestamp::from_second(time.0).map(|time| self.zone.to_offset(time).seconds());
        time.0.saturating_add(offset.map_or(0, i64::from))
    }

    fn is_today(&self, time: UnixSeconds) -> bool {
        self.local(time).div_euclid(DAY) == self.local(self.now).div_euclid(DAY)
    }
}

/// Hours and minutes of a local time: `15:40`.
pub(in crate::cli) fn hour(local: i64) -> String {
    let minutes = local.rem_euclid(DAY) / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Day and month of a local time: `26 Nov`; a dash where no calendar reaches.
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
    fn it_tells_the_day_where_that_is_another_one() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let clock = Clock::new(NOW, berlin);
        assert_eq!(clock.told(NOW), "16:00");
        assert_eq!(clock.told(UnixSeconds(NOW.0 + 8 * 3600 + 60)), "00:01 on 26 Nov");
        assert_eq!(clock.stamp(UnixSeconds(NOW.0 - 16 * 3600 - 60)), "24 Nov 23:59");
        // Summer time: another offset.
        assert_eq!(clock.stamp(UnixSeconds(NOW.0 - 60 * DAY)), "26 Sep 17:00");
    }

    #[test]
    fn no_time_is_too_far() {
        let clock = Clock::new(UnixSeconds(i64::MAX), TimeZone::UTC);
        for time in [i64::MIN, -1, 0, i64::MAX] {
            assert!(clock.told(UnixSeconds(time)).len() < 20);
        }
    }
}
