//! A record is replayed by its own clock.

use insta::assert_snapshot;
use jiff::tz::TimeZone;

use super::{Said, Told, render, replay, samples, terms};
use crate::api::history::{PointInfo, SeriesInfo, SeriesKind};
use crate::api::status::StatusInfo;
use crate::cli::health::tests::{agent, calm};
use crate::cli::terminal::{Clock, to_json};
use crate::model::forecast::Ceiling;
use crate::model::time::UnixSeconds;
use crate::model::{Bytes, Thresholds, Uid};

/// 2026-11-25 15:06 in UTC.
const NOW: i64 = 1_795_619_160;

fn clock() -> Clock {
    Clock::new(UnixSeconds(NOW), TimeZone::UTC)
}

/// A span a minute until now, that grows from so many MiB by so many, and swings by 20.
fn grown(kind: SeriesKind, id: &str, from: u64, by: u64, minutes: u32) -> SeriesInfo {
    let point = |minute: u32| {
        let min = from + by * u64::from(minute);
        PointInfo {
            time: UnixSeconds(NOW - i64::from(minutes - minute) * 60),
            seconds: 60,
            min: Bytes::mib(min),
            mean: Bytes::mib(min + 10),
            max: Bytes::mib(min + 20),
        }
    };
    let points = (0..minutes).map(point).collect();
    SeriesInfo { kind, id: id.into(), name: None, pid: None, uid: Uid::new(1000), this_boot: true, points }
}

fn status() -> StatusInfo {
    StatusInfo { agents: vec![agent("claude", 1234, Bytes::gib(13))], ..calm() }
}

fn told(series: &SeriesInfo, said: Said) -> Vec<Told<'_>> {
    replay(series, terms(series, &status(), said), false)
}

#[test]
fn people_read_what_would_have_been_done() {
    let mut hostile = grown(SeriesKind::Agent, "evil\u{1b}[2J\nclaude-1", 8000, 10, 60);
    hostile.this_boot = false;
    let all = [
        grown(SeriesKind::Guest, "guest", 4000, 40, 300),
        grown(SeriesKind::Agent, "claude-1234", 3000, 35, 300),
        grown(SeriesKind::Agent, "codex-77", 200, 0, 300),
        hostile,
    ];
    let page: String =
        all.iter().map(|series| render(series, &told(series, Said::default()), &clock())).collect();
    assert!(!page.contains('\u{1b}'), "{page}");
    assert_snapshot!(page);
}

#[test]
fn programs_read_the_same_with_the_series() {
    let series = grown(SeriesKind::Agent, "claude-1234", 3000, 35, 200);
    let lines: String = told(&series, Said::default()).iter().map(|told| to_json(told).unwrap()).collect();
    assert_snapshot!(lines);
    let all = replay(&series, terms(&series, &status(), Said::default()), true);
    assert!(all.len() > 150, "a forecast a minute: {}", all.len());
}

#[test]
fn what_is_said_goes_before_what_is_in_force() {
    let series = grown(SeriesKind::Agent, "claude-1234", 1, 1, 1);
    let of = |said| terms(&series, &status(), said);
    let own = of(Said::default());
    assert_eq!(
        (own.thresholds, own.limit),
        (Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) }, Bytes::gib(13))
    );
    let warned = of(Said { warn: Some(Bytes::gib(6)), ..Said::default() });
    assert_eq!(warned.thresholds, Thresholds { warn: Bytes::gib(6), kill: Bytes::gib(13) });
    let killed = of(Said { kill: Some(Bytes::gib(17)), ..Said::default() });
    assert_eq!(killed.thresholds, Thresholds { warn: Bytes::gib(11), kill: Bytes::gib(17) });
    let guest = terms(&grown(SeriesKind::Guest, "guest", 1, 1, 1), &status(), Said::default());
    let all = status().guest.mem_total + status().guest.swap_total;
    assert_eq!((guest.ceiling, guest.limit), (Ceiling::Guest, all));
}

#[test]
fn a_point_is_its_lowest_and_its_highest_in_order_of_time() {
    let point = |time, seconds| PointInfo {
        time: UnixSeconds(time),
        seconds,
        min: Bytes::new(1),
        mean: Bytes::new(2),
        max: Bytes::new(3),
    };
    let points = [point(100, 60), point(40, 90), point(200, 0)];
    let read: Vec<_> =
        samples(&points).iter().map(|s| (s.at.since_boot().as_secs(), s.bytes.get())).collect();
    assert_eq!(read, [(0, 1), (90, 3), (90, 1), (120, 3), (160, 1), (160, 3)]);
    let far = [point(i64::MIN, u32::MAX), point(i64::MAX, u32::MAX)];
    assert_eq!(samples(&far).len(), 4);
    assert!(samples(&[]).is_empty());
    let most = PointInfo { max: Bytes::new(u64::MAX), ..point(0, u32::MAX) };
    let points = vec![far[0], most, far[1], point(-1, 0)];
    let series = SeriesInfo { points, ..grown(SeriesKind::Agent, "claude-1", 1, 1, 0) };
    assert!(
        render(&series, &told(&series, Said::default()), &clock()).contains("would have been acted upon")
    );
}
