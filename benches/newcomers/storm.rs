//! The same methods during a fork storm.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use claude_watchdog::linux::procfs::Proc;
use claude_watchdog::linux::procfs::last_pid::{LastPid, Window};

use crate::connector::{Connector, EXEC, FORK};
use crate::listing::Listing;
use crate::meter::{cpu, skipped};
use crate::methods::stat_within;
use crate::reader::Reader;
use crate::world::{World, end, group};

const TICK: Duration = Duration::from_millis(100);
const TICKS: u32 = 40;

/// A subshell that does nothing: fork and exit, without an exec.
const STORM: &str = "while :; do (:); done";

/// The cost of each method in a storm beside `count` idle processes.
pub(crate) fn all(count: usize) {
    let _world = World::start(count);
    println!("\na fork storm beside {count} idle processes, 10 scans a second: processor time of the scans");
    ticks("no scan", String::new);

    let proc = Proc::open(Path::new("/proc")).unwrap();
    let mut pids = Vec::new();
    ticks("1  list, stat of all", || {
        proc.pids(&mut pids).unwrap();
        for pid in &pids {
            let _ = proc.stat(*pid);
        }
        String::new()
    });
    match LastPid::open(Path::new("/proc")) {
        Some(newest) => [false, true].into_iter().for_each(|seeks| windows(&newest, seeks)),
        None => skipped("2  last pid", "loadavg does not show it here"),
    }
    let large_buffer = Some(16 << 20);
    connector("3  connector, drained each tick", None, None);
    connector("3  connector, drained each tick, buffer of 16 MiB", None, large_buffer);
    connector("3  connector, forks and execs only, buffer of 16 MiB", Some(FORK | EXEC), large_buffer);
    connector_at_once();
}

fn windows(newest: &LastPid, seeks: bool) {
    let (mut listing, mut reader, mut pids) = (Listing::new(), Reader::new(), Vec::new());
    let mut last = newest.pid().unwrap();
    let name = if seeks { "2  last pid, list from there" } else { "2  last pid, list all" };
    ticks(name, || {
        let now = newest.pid().unwrap();
        let window = Window { after: std::mem::replace(&mut last, now), to: now };
        stat_within(window, seeks, &mut listing, &mut pids, &mut reader);
        String::new()
    });
}

fn connector(name: &str, mask: Option<u32>, room: Option<usize>) {
    let connector = match Connector::open(mask, room) {
        Ok(connector) => connector,
        Err(why) => return skipped(name, &why),
    };
    let (mut forks, mut events, mut losses) = (0, 0, 0);
    ticks(name, || {
        let read = connector.listen(false);
        (forks, events, losses) = (forks + read.forks, events + read.total, losses + read.losses);
        format!("{forks} forks, {events} events; ENOBUFS {losses} times")
    });
}

/// Woken by each event instead of ten times a second.
fn connector_at_once() {
    let name = "3  connector, woken by each event";
    let connector = match Connector::open(None, None) {
        Ok(connector) => connector,
        Err(why) => return skipped(name, &why),
    };
    connector.set_receive_timeout(TICK);
    let (mut forks, mut losses) = (0, 0);
    measure(name, || {
        let end = Instant::now() + TICK * TICKS;
        while Instant::now() < end {
            let read = connector.listen(true);
            (forks, losses) = (forks + read.forks, losses + read.losses);
        }
        format!("{forks} forks; ENOBUFS {losses} times")
    });
}

fn ticks(name: &str, mut tick: impl FnMut() -> String) {
    measure(name, || {
        let mut note = String::new();
        let mut next = Instant::now();
        for _ in 0..TICKS {
            next += TICK;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            note = tick();
        }
        note
    });
}

fn measure(name: &str, act: impl FnOnce() -> String) {
    let mut storm = group(Command::new("sh").args(["-c", STORM]));
    let (forks, time, wall) = (forks(), cpu(), Instant::now());
    let note = act();
    let (time, wall) = (cpu().saturating_sub(time), wall.elapsed());
    let forks = self::forks() - forks;
    end(&mut storm);
    println!(
        "  {name:<52} {:>6.0} forks/s {:>8.2} ms a second {:>8.2} ms per 1000 forks  {note}",
        forks as f64 / wall.as_secs_f64(),
        time.as_secs_f64() * 1e3 / wall.as_secs_f64(),
        time.as_secs_f64() * 1e6 / forks as f64,
    );
}

/// Forks since boot, threads included (`proc_stat(5)`).
fn forks() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap();
    text.lines().find_map(|line| line.strip_prefix("processes ")).unwrap().parse().unwrap()
}
