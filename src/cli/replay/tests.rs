//! Replays of a recorded history.

use insta::assert_snapshot;
use jiff::tz::TimeZone;

use super::{GivenThresholds, SeriesRecord, render, replay, samples_of, settings};
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

/// A point per minute until now, which grows from `from` MiB by `by` per minute, with a range of 20.
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

fn records(series: &SeriesInfo, given: GivenThresholds) -> Vec<SeriesRecord<'_>> {
    replay(series, settings(series, &status(), given), false)
}

#[test]
fn text_shows_the_actions_of_the_replay() {
    let mut hostile = grown(SeriesKind::Agent, "evil\u{1b}[2J\nclaude-1", 8000, 10, 60);
    hostile.this_boot = false;
    let all = [
        grown(SeriesKind::Guest, "guest", 4000, 40, 300),
        grown(SeriesKind::Agent, "claude-1234", 3000, 35, 300),
        grown(SeriesKind::Agent, "codex-77", 200, 0, 300),
        hostile,
    ];
    let page: String = all
        .iter()
        .map(|series| render(series, &records(series, GivenThresholds::default()), &clock()))
        .collect();
    assert!(!page.contains('\u{1b}'), "{page}");
    assert_snapshot!(page);
}

#[test]
fn json_names_the_series() {
    let series = grown(SeriesKind::Agent, "claude-1234", 3000, 35, 200);
    let lines: String =
        records(&series, GivenThresholds::default()).iter().map(|record| to_json(record).unwrap()).collect();
    assert_snapshot!(lines);
    let all = replay(&series, settings(&series, &status(), GivenThresholds::default()), true);
    assert!(all.len() > 150, "a forecast per minute: {}", all.len());
}

#[test]
fn given_thresholds_override_the_effective_ones() {
    let series = grown(SeriesKind::Agent, "claude-1234", 1, 1, 1);
    let of = |given| settings(&series, &status(), given);
    let own = of(GivenThresholds::default());
    assert_eq!(
        (own.thresholds, own.limit),
        (Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) }, Bytes::gib(13))
    );
    let warned = of(GivenThresholds { warn: Some(Bytes::gib(6)), ..GivenThresholds::default() });
    assert_eq!(warned.thresholds, Thresholds { warn: Bytes::gib(6), kill: Bytes::gib(13) });
    let killed = of(GivenThresholds { kill: Some(Bytes::gib(17)), ..GivenThresholds::default() });
    assert_eq!(killed.thresholds, Thresholds { warn: Bytes::gib(11), kill: Bytes::gib(17) });
    let guest = settings(&grown(SeriesKind::Guest, "guest", 1, 1, 1), &status(), GivenThresholds::default());
    let all = status().guest.mem_total + status().guest.swap_total;
    assert_eq!((guest.ceiling, guest.limit), (Ceiling::Guest, all));
}

#[test]
fn a_point_becomes_its_minimum_and_its_maximum() {
    let point = |time, seconds| PointInfo {
        time: UnixSeconds(time),
        seconds,
        min: Bytes::new(1),
        mean: Bytes::new(2),
        max: Bytes::new(3),
    };
    let points = [point(100, 60), point(40, 90), point(200, 0)];
    let read: Vec<_> =
        samples_of(&points).iter().map(|s| (s.at.since_boot().as_secs(), s.bytes.get())).collect();
    assert_eq!(read, [(0, 1), (90, 3), (90, 1), (120, 3), (160, 1), (160, 3)]);
    let far = [point(i64::MIN, u32::MAX), point(i64::MAX, u32::MAX)];
    assert_eq!(samples_of(&far).len(), 4);
    assert!(samples_of(&[]).is_empty());
    let most = PointInfo { max: Bytes::new(u64::MAX), ..point(0, u32::MAX) };
    let points = vec![far[0], most, far[1], point(-1, 0)];
    let series = SeriesInfo { points, ..grown(SeriesKind::Agent, "claude-1", 1, 1, 0) };
    assert!(
        render(&series, &records(&series, GivenThresholds::default()), &clock())
            .contains("would have been killed")
    );
}
