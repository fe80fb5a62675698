//! The history as a whole: recorded samples are returned, even if its file is damaged.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use tempfile::TempDir;

use super::*;
use crate::api::history::{BreakKind, PointInfo, SeriesInfo, SeriesKind};
use crate::model::series::{Series, SeriesSubject};
use crate::model::{Boottime, Pid, ProcessKey, Uid};

/// A full hour, so that spans begin with it.
const EPOCH: i64 = 1_790_000_000 - 1_790_000_000 % 3600;

/// Prevents a broken test from hanging.
const REPLY_TIMEOUT: Duration = Duration::from_mins(1);

fn key(pid: i32) -> ProcessKey {
    ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 1 }
}

fn series(subject: SeriesSubject, name: &str) -> Arc<Series> {
    Arc::new(Series { subject, name: name.to_owned(), uid: Uid::new(1000) })
}

/// A history in a directory, of one machine and boot, and its notices.
struct World {
    history: History,
    notices: Receiver<Notice>,
}

impl World {
    fn new(directory: Option<&Path>, machine: &str, boot: &str, cap: Bytes) -> Self {
        let (sender, notices) = channel();
        let origin = HistoryOrigin { machine: machine.to_owned(), boot: boot.to_owned() };
        let notify = move |notice| drop(sender.send(notice));
        Self { history: History::start(directory.map(Path::to_owned), origin, cap, notify).unwrap(), notices }
    }

    fn at(directory: &TempDir) -> Self {
        Self::new(Some(directory.path()), "m", "b", MAX_DISK_SIZE)
    }

    /// The machine, an agent and a part of it, at these seconds after the start by the two clocks.
    fn record(&self, boot: i64, wall: i64, value: u64) {
        let agent = SeriesSubject::Agent(key(5));
        let figures = vec![
            (series(SeriesSubject::Guest, "guest"), Bytes::new(10 * value)),
            (series(agent, "claude-5"), Bytes::new(value)),
            (series(SeriesSubject::Part { agent: key(5), top: key(9) }, "node"), Bytes::new(value / 2)),
        ];
        let at = Boottime::new(Duration::from_secs(u64::try_from(boot).unwrap()));
        let figures = SeriesSample { at, time: UnixSeconds(EPOCH + wall), figures };
        // The queue is full: a request makes the thread receive pending samples.
        while self.history.samples.try_send(figures.clone()).is_err() {
            self.read(0, 0);
        }
    }

    fn read(&self, since: i64, now: i64) -> HistoryInfo {
        let (sender, answer) = channel();
        let send_reply = move |reply| drop(sender.send(reply));
        assert!(self.history.read(UnixSeconds(EPOCH + since), UnixSeconds(EPOCH + now), send_reply));
        answer.recv_timeout(REPLY_TIMEOUT).unwrap()
    }

    fn close(self) -> Vec<Notice> {
        self.history.close(REPLY_TIMEOUT);
        drop(self.history);
        self.notices.iter().collect()
    }
}

fn guest(history: &HistoryInfo) -> &SeriesInfo {
    history.series.iter().find(|series| series.kind == SeriesKind::Guest).unwrap()
}

/// Points follow one another, and none reaches into the next.
fn assert_in_order(history: &HistoryInfo) {
    for series in &history.series {
        for pair in series.points.windows(2) {
            let end = pair[0].time.0 + i64::from(pair[0].seconds);
            assert!(end <= pair[1].time.0, "{:?} then {:?}", pair[0], pair[1]);
        }
        for point in &series.points {
            assert!(point.min <= point.mean && point.mean <= point.max, "{point:?}");
        }
    }
}

#[test]
fn recent_samples_are_unchanged_and_older_ones_merged_by_minute() {
    let directory = TempDir::new().unwrap();
    let world = World::at(&directory);
    (0..3600).for_each(|second| world.record(second, second, u64::try_from(second).unwrap()));
    let reply = world.read(0, 3600);
    assert_in_order(&reply);
    assert_eq!(
        reply.series.iter().map(|s| s.kind).collect::<Vec<_>>(),
        [SeriesKind::Guest, SeriesKind::Agent, SeriesKind::Part]
    );
    let part = &reply.series[2];
    assert_eq!((part.id.as_str(), part.name.as_deref(), part.pid), ("claude-5", Some("node"), Pid::new(9)));
    let points = &guest(&reply).points;
    let (minutes, samples): (Vec<PointInfo>, Vec<PointInfo>) =
        points.iter().partition(|point| point.seconds == 60);
    assert_eq!((minutes.len(), samples.len()), (50, 600));
    let tenth = minutes[10];
    assert_eq!([tenth.min, tenth.mean, tenth.max].map(Bytes::get), [6000, 6295, 6590]);
    assert_eq!(reply.breaks, []);
    assert_eq!(world.close(), []);
}

#[test]
fn history_continues_across_restarts_and_boots() {
    let directory = TempDir::new().unwrap();
    let world = World::at(&directory);
    (0..600).for_each(|second| world.record(second, second, 100));
    world.close();
    // The same boot, 20 s later.
    let world = World::at(&directory);
    (620..700).for_each(|second| world.record(second, second, 200));
    let reply = world.read(0, 700);
    assert_in_order(&reply);
    assert_eq!((reply.series.len(), &reply.breaks[..]), (3, &[][..]), "no duplicate series, no break");
    assert!(reply.series.iter().all(|series| series.this_boot));
    let highest = guest(&reply).points.iter().map(|point| point.max.get()).max();
    assert_eq!((guest(&reply).points[0].max.get(), highest), (1000, Some(2000)));
    world.close();
    // An hour without samples.
    let world = World::at(&directory);
    world.record(4300, 4300, 300);
    let reply = world.read(0, 4300);
    assert_eq!(
        reply.breaks.iter().map(|b| (b.kind, b.seconds)).collect::<Vec<_>>(),
        [(BreakKind::Gap, Some(3601))]
    );
    world.close();
    // Another boot: the agent of that pid is another one.
    let world = World::new(Some(directory.path()), "m", "c", MAX_DISK_SIZE);
    world.record(10, 8000, 400);
    let reply = world.read(0, 8000);
    let agents: Vec<bool> =
        reply.series.iter().filter(|s| s.kind == SeriesKind::Agent).map(|s| s.this_boot).collect();
    assert_eq!(agents, [false, true]);
    assert_eq!(reply.breaks.iter().map(|b| b.kind).collect::<Vec<_>>(), [BreakKind::Gap, BreakKind::Boot]);
    assert!(guest(&reply).points.len() > 10, "the series of the machine continues");
    assert_eq!(world.close(), []);
}

#[test]
fn a_clone_does_not_show_the_history_of_its_image() {
    let directory = TempDir::new().unwrap();
    let world = World::at(&directory);
    (0..120).for_each(|second| world.record(second, second, 100));
    world.close();
    let world = World::new(Some(directory.path()), "clone", "b", MAX_DISK_SIZE);
    world.record(130, 130, 7);
    let reply = world.read(0, 200);
    assert_eq!(guest(&reply).points.len(), 1, "{reply:?}");
    assert_eq!(reply.breaks, []);
    let to = directory.path().join("history.redb.other");
    assert!(to.exists());
    assert_eq!(world.close(), [Notice::AnotherMachine { to: Some(to) }]);
    // The next start continues its own file.
    let world = World::new(Some(directory.path()), "clone", "b", MAX_DISK_SIZE);
    world.record(140, 140, 8);
    assert_eq!(guest(&world.read(0, 200)).points[0].min.get(), 70);
    assert_eq!(world.close(), []);
}

#[test]
fn rows_in_the_future_of_a_reset_clock_are_removed() {
    let directory = TempDir::new().unwrap();
    let world = World::at(&directory);
    (0..7200).step_by(10).for_each(|second| world.record(second, second, 100));
    world.history.close(REPLY_TIMEOUT);
    let world = World::at(&directory);
    // A snapshot from an hour before was reverted, and the clock is set by the network a moment later.
    (3600..3700).step_by(10).for_each(|second| world.record(second + 3600, second, 200));
    let reply = world.read(0, 3700);
    assert_in_order(&reply);
    assert_eq!(reply.breaks.iter().map(|b| b.kind).collect::<Vec<_>>(), [BreakKind::Clock]);
    world.close();
    let world = World::at(&directory);
    world.record(7400, 3800, 200);
    let later = world.read(0, 7300);
    assert!(guest(&later).points.iter().all(|p| p.time.0 < EPOCH + 3600 || p.max.get() == 2000), "{later:?}");
    world.record(7410, 9000, 300);
    world.record(7420, 9010, 300);
    let reply = world.read(0, 9100);
    assert_eq!(reply.breaks.last().map(|b| b.kind), Some(BreakKind::Clock), "forward, too");
    assert_eq!(world.close(), [Notice::ClockJumped]);
}

/// By a minute, as a clock is corrected that runs ahead.
#[test]
fn a_small_clock_step_back_keeps_the_hour() {
    let directory = TempDir::new().unwrap();
    let world = World::at(&directory);
    (0..3500).step_by(10).for_each(|second| world.record(second, second, 100));
    world.history.close(REPLY_TIMEOUT);
    let world = World::at(&directory);
    world.record(3510, 3400, 50);
    world.history.close(REPLY_TIMEOUT);
    let world = World::at(&directory);
    world.record(3520, 3410, 50);
    // Days back, so that it is answered by the hour.
    let reply = world.read(-20 * 86_400, 3500);
    let hour = guest(&reply).points.iter().find(|point| point.seconds == 3600);
    assert!(hour.is_some_and(|hour| hour.max.get() == 1000), "{reply:?}");
    world.close();
}

#[test]
fn a_corrupt_file_is_moved_aside() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("history.redb");
    let world = World::at(&directory);
    (0..6000).step_by(10).for_each(|second| world.record(second, second, 100));
    world.close();
    let good = fs::read(&file).unwrap();
    let mut spoilt: Vec<Vec<u8>> = vec![b"no database at all".repeat(1000), good[..good.len() / 2].to_vec()];
    spoilt.push(good[..777].to_vec());
    // All over the file, the header more closely.
    let places = (0..64).map(|n| n * 8).chain((1..60).map(|n| n * good.len() / 60));
    for place in places {
        let mut bad = good.clone();
        for byte in &mut bad[place..(place + 16).min(good.len())] {
            *byte ^= 0xa5;
        }
        spoilt.push(bad);
    }
    let mut aside = 0;
    for bad in &spoilt {
        fs::write(&file, bad).unwrap();
        let world = World::at(&directory);
        world.record(6010, 6010, 300);
        let reply = world.read(0, 6020);
        assert_eq!(guest(&reply).points.last().map(|p| p.max.get()), Some(3000));
        world.history.close(REPLY_TIMEOUT);
        let notices: Vec<Notice> = world.notices.try_iter().collect();
        aside += usize::from(notices.iter().any(|n| matches!(n, Notice::MovedAside { to: Some(_), .. })));
        assert!(notices.iter().all(|n| matches!(n, Notice::MovedAside { to: Some(_), .. })), "{notices:?}");
        // The file is valid again.
        let world = World::at(&directory);
        world.record(6040, 6040, 300);
        assert!(!guest(&world.read(0, 6050)).points.is_empty());
        assert_eq!(world.close(), []);
    }
    assert!(aside > spoilt.len() / 4, "{aside} of {}", spoilt.len());
    assert!(directory.path().join("history.redb.corrupt").exists());
}

#[test]
fn an_unwritable_history_stays_in_memory_with_one_notice() {
    let directory = TempDir::new().unwrap();
    let blocked = directory.path().join("file");
    fs::write(&blocked, "").unwrap();
    let world = World::new(Some(&blocked.join("state")), "m", "b", MAX_DISK_SIZE);
    (0..1200).for_each(|second| world.record(second, second, 100));
    let reply = world.read(0, 1200);
    assert_in_order(&reply);
    assert_eq!(guest(&reply).points.iter().filter(|p| p.seconds == 60).count(), 10);
    let notices = world.close();
    assert!(matches!(notices.as_slice(), [Notice::Unwritable { .. }]), "{notices:?}");
    // Without a directory there is no notice.
    let world = World::new(None, "m", "b", MAX_DISK_SIZE);
    world.record(1, 1, 1);
    assert_eq!(world.read(0, 10).series.len(), 3);
    assert_eq!(world.close(), []);
}

#[test]
fn an_immovable_foreign_file_is_reported_once() {
    let directory = TempDir::new().unwrap();
    let world = World::at(&directory);
    world.record(1, 1, 1);
    world.close();
    fs::create_dir_all(directory.path().join("history.redb.other/in the way")).unwrap();
    let world = World::new(Some(directory.path()), "another", "b", MAX_DISK_SIZE);
    world.record(1, 1, 1);
    assert_eq!(world.read(0, 10).series.len(), 3, "in memory");
    assert_eq!(world.close(), [Notice::AnotherMachine { to: None }]);
}

#[test]
fn a_second_process_cannot_open_the_file() {
    let directory = TempDir::new().unwrap();
    let first = World::at(&directory);
    first.record(1, 1, 1);
    first.read(0, 10);
    let second = World::at(&directory);
    second.record(1, 1, 1);
    assert_eq!(second.read(0, 10).series.len(), 3);
    let notices = second.close();
    assert!(matches!(notices.as_slice(), [Notice::Unwritable { .. }]), "{notices:?}");
    assert_eq!(first.close(), []);
}

/// Two hundred agents that come and go, for two days, under a cap that they would exceed.
#[test]
fn the_file_stays_below_its_cap() {
    let cap = Bytes::mib(4);
    let directory = TempDir::new().unwrap();
    let mut largest = 0;
    let agents: Vec<Arc<Series>> =
        (0..4000).map(|n| series(SeriesSubject::Agent(key(n + 1)), &format!("claude-{n}"))).collect();
    let mut world = World::new(Some(directory.path()), "m", "b", cap);
    for minute in 0..i64::try_from(agents.len()).unwrap() / 5 {
        let first = usize::try_from(minute).unwrap() * 5;
        let alive = agents.iter().skip(first.saturating_sub(195)).take(200);
        let figures = SeriesSample {
            at: Boottime::new(Duration::from_secs(u64::try_from(minute).unwrap() * 60)),
            time: UnixSeconds(EPOCH + minute * 60),
            figures: alive.map(|series| (Arc::clone(series), Bytes::mib(100))).collect(),
        };
        world.history.record(figures);
        // A restart writes, as a minute does.
        if minute % 20 == 19 {
            world.read(0, 0);
            world.history.close(REPLY_TIMEOUT);
            largest = largest.max(fs::metadata(directory.path().join("history.redb")).unwrap().len());
            world = World::new(Some(directory.path()), "m", "b", cap);
        }
    }
    assert!(largest <= cap.get(), "{largest}");
    assert!(largest > cap.get() / 4, "it is used: {largest}");
    let now = i64::try_from(agents.len()).unwrap() / 5 * 60;
    let reply = world.read(now - 10_000, now);
    assert_in_order(&reply);
    assert!(reply.series.len() >= 200, "the newest are there: {}", reply.series.len());
    assert_eq!(world.close(), []);
}

#[test]
fn each_notice_states_its_consequence() {
    let path = || std::path::PathBuf::from("/var/lib/claude-watchdog/history.redb");
    let all = [
        Notice::MovedAside { to: Some(path().with_extension("redb.corrupt")), why: "DB corrupted".into() },
        Notice::MovedAside { to: None, why: "DB corrupted".into() },
        Notice::AnotherMachine { to: Some(path().with_extension("redb.other")) },
        Notice::Unwritable { path: path(), why: "No space left on device (os error 28)".into() },
        Notice::Written(path()),
        Notice::SamplesDropped(12),
        Notice::ClockJumped,
        Notice::Stopped,
    ];
    let text: Vec<String> =
        all.iter().map(|n| format!("{} {n}", if n.is_warning() { "!" } else { " " })).collect();
    insta::assert_snapshot!(text.join("\n"));
}

/// A guest that comes up with its clock at 1970, until the network sets it.
#[test]
fn a_briefly_wrong_clock_loses_no_history() {
    let directory = TempDir::new().unwrap();
    let world = World::at(&directory);
    (0..3600).step_by(10).for_each(|second| world.record(second, second, 100));
    world.close();
    let world = World::new(Some(directory.path()), "m", "c", MAX_DISK_SIZE);
    world.record(10, -EPOCH + 5, 7);
    world.read(0, 10);
    world.history.close(REPLY_TIMEOUT);
    let world = World::new(Some(directory.path()), "m", "c", MAX_DISK_SIZE);
    world.record(20, -EPOCH + 15, 7);
    world.record(30, 7200, 200);
    let reply = world.read(0, 7300);
    assert_eq!(guest(&reply).points.iter().filter(|point| point.max.get() == 1000).count(), 60, "{reply:?}");
    assert!(reply.breaks.iter().any(|info| info.kind == BreakKind::Clock));
    world.close();
}

#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().unwrap();
    let world = World::at(&directory);
    world.record(1, 1, 1);
    world.close();
    let mode = fs::metadata(directory.path().join("history.redb")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
