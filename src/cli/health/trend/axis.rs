//! The time axis of a chart: round times of the clock on the wall.

use super::window::Window;
use crate::cli::terminal::{Clock, day, hour};
use crate::model::time::UnixSeconds;

/// Columns from one time to the next, at least: `26 Nov` and air.
const APART: i64 = 12;

/// Where the clock was set, two times may be closer than that; not so close that they touch.
const CLOSEST: usize = 8;

/// Steps of the time axis in seconds.
const STEPS: [i64; 16] = [
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    DAY,
    2 * DAY,
    5 * DAY,
    10 * DAY,
    30 * DAY,
];
const DAY: i64 = 86_400;

/// Round times, each with its column.
pub(super) fn ticks(window: &Window, clock: &Clock) -> Vec<(usize, String)> {
    let columns = i64::try_from(window.columns).unwrap_or(1);
    let wanted = (i128::from(window.seconds()) * i128::from(APART) / i128::from(columns.max(1))).max(1);
    let step = STEPS.into_iter().find(|step| i128::from(*step) >= wanted).unwrap_or(30 * DAY);
    let slot = |time: UnixSeconds| clock.local(UnixSeconds(time.0.saturating_sub(1))).div_euclid(step);
    let mut times: Vec<(usize, String)> = Vec::new();
    for column in 0..window.columns {
        let (before, within) = (slot(window.begins(column)), slot(window.begins(column + 1)));
        let is_far = times.last().is_none_or(|(last, _)| column >= last + CLOSEST);
        if before != within && is_far {
            let local = within.saturating_mul(step);
            times.push((column, if local.rem_euclid(DAY) == 0 { day(local) } else { hour(local) }));
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::api::history::HistoryInfo;

    /// The times of so many hours until then, in Berlin, with their columns.
    fn times(now: i64, hours: i64, columns: usize) -> String {
        let (now, since) = (UnixSeconds(now), UnixSeconds(now - hours * 3600));
        let clock = Clock::new(now, TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        let window = Window::of(&HistoryInfo { now, since, ..HistoryInfo::default() }, columns);
        let all = ticks(&window, &clock);
        all.iter().map(|(column, text)| format!("{column} {text}")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn times_are_round_on_the_wall() {
        // 2026-11-25 15:06, then midnight, in Berlin.
        assert_eq!(times(1_795_615_560, 3, 72), "9 12:30, 21 13:00, 33 13:30, 45 14:00, 57 14:30, 69 15:00");
        assert_eq!(times(1_795_647_600, 24, 72), "0 25 Nov, 18 06:00, 36 12:00, 54 18:00");
        assert_eq!(times(1_795_615_560, 24 * 30, 36), "8 3 Nov, 20 13 Nov, 32 23 Nov");
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_once() {
        // 2026-10-25 06:00 in Berlin; at 03:00 it was 02:00 again.
        assert_eq!(times(1_792_904_400, 6, 72), "0 01:00, 12 02:00, 36 03:00, 48 04:00, 60 05:00");
    }
}
