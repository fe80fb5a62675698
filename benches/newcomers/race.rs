//! Whether windows of the last pid miss a process: the kernel assigns a pid shortly before it can be listed.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use claude_watchdog::linux::procfs::last_pid::{LastPid, Window};
use claude_watchdog::model::Pid;

use crate::listing::Listing;
use crate::meter::skipped;
use crate::world::{end, group};

/// Two shells, so that forks overlap; their children stay.
const STARTS: &str =
    "for j in 1 2; do (i=0; while [ $i -lt 400 ]; do sleep 1000 & i=$((i+1)); done; wait) & done; wait";

/// All have started when no pid was assigned for this time.
const QUIET_PERIOD: Duration = Duration::from_secs(1);
/// Upper bound, on a machine that is never quiet.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The overlap of windows, so that each pid is scanned twice: the daemon's shortest tick.
const TICK: Duration = Duration::from_millis(100);

/// Scans while 800 processes start: without a pause, and at a rate that is still a hundred times the daemon's.
pub(crate) fn run() {
    println!("\nscans by the last pid while 800 processes start");
    let Some(newest) = LastPid::open(Path::new("/proc")) else {
        return skipped("2  last pid", "loadavg does not show it here");
    };
    let slow = Duration::from_millis(1);
    for (pause, back) in
        [(Duration::ZERO, Duration::ZERO), (Duration::ZERO, TICK), (slow, Duration::ZERO), (slow, TICK)]
    {
        // First the pid, then the list: a process that starts in between is listed twice, not never.
        let mut scanner = WindowScanner::new(&newest, back);
        let mut known = all();
        let mut shells = group(Command::new("sh").args(["-c", STARTS]));
        let (began, mut moved) = (Instant::now(), Instant::now());
        while moved.elapsed() < QUIET_PERIOD && began.elapsed() < START_TIMEOUT {
            if scanner.scan(&mut known) {
                moved = Instant::now();
            }
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
        let running = all();
        scanner.scan(&mut known);
        let missed = running.iter().filter(|pid| !known.contains(pid)).count();
        end(&mut shells);
        println!(
            "  {pause:>4?} between scans, each {back:>5?} back: {} processes, {missed} missed",
            running.len()
        );
    }
}

struct WindowScanner<'a> {
    newest: &'a LastPid,
    listing: Listing,
    found: Vec<Pid>,
    back: Duration,
    /// Earlier last pids; the first is the newest of those that are `back` old.
    past: VecDeque<(Instant, Pid)>,
}

impl<'a> WindowScanner<'a> {
    fn new(newest: &'a LastPid, back: Duration) -> Self {
        let past = VecDeque::from([(Instant::now(), newest.pid().unwrap())]);
        Self { newest, listing: Listing::new(), found: Vec::new(), back, past }
    }

    /// Returns whether the last pid has changed.
    fn scan(&mut self, known: &mut HashSet<Pid>) -> bool {
        let to = self.newest.pid().unwrap();
        while self.past.get(1).is_some_and(|(when, _)| when.elapsed() >= self.back) {
            self.past.pop_front();
        }
        self.listing.within(Window { after: self.past[0].1, to }, &mut self.found);
        known.extend(&self.found);
        let moved = self.past.back().is_none_or(|(_, last)| *last != to);
        self.past.push_back((Instant::now(), to));
        moved
    }
}

fn all() -> HashSet<Pid> {
    let mut pids = Vec::new();
    Listing::new().all(&mut pids);
    pids.into_iter().collect()
}
