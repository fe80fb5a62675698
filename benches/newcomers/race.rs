//! Whether the windows of the last pid miss anybody: the kernel gives out a pid a little before it can be listed.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use claude_watchdog::linux::procfs::last_pid::{LastPid, Window};
use claude_watchdog::model::Pid;

use crate::listing::Listing;
use crate::meter::left_out;
use crate::world::{end, group};

/// Two shells, so that forks overlap; what they start stays.
const STARTS: &str =
    "for j in 1 2; do (i=0; while [ $i -lt 400 ]; do sleep 1000 & i=$((i+1)); done; wait) & done; wait";

/// They have started when no pid was given out for so long.
const CALM: Duration = Duration::from_secs(1);
/// On a machine where that never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far back a window reaches that is looked at twice: the daemon's quickest tick.
const TICK: Duration = Duration::from_millis(100);

/// Looks while 800 processes start: as often as it can, and at a pace that is still a hundred times the daemon's.
pub(crate) fn run() {
    println!("\n800 processes start while the last pid is looked at");
    let Some(newest) = LastPid::open(Path::new("/proc")) else {
        return left_out("2  last pid", "loadavg does not tell it here");
    };
    let slow = Duration::from_millis(1);
    for (pause, back) in
        [(Duration::ZERO, Duration::ZERO), (Duration::ZERO, TICK), (slow, Duration::ZERO), (slow, TICK)]
    {
        // First the pid, then the list: what starts in between is met twice, not never.
        let mut looks = Looks::new(&newest, back);
        let mut known = all();
        let mut shells = group(Command::new("sh").args(["-c", STARTS]));
        let (began, mut moved) = (Instant::now(), Instant::now());
        while moved.elapsed() < CALM && began.elapsed() < PATIENCE {
            if looks.look(&mut known) {
                moved = Instant::now();
            }
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
        let there = all();
        looks.look(&mut known);
        let missed = there.iter().filter(|pid| !known.contains(pid)).count();
        end(&mut shells);
        println!(
            "  {pause:>4?} between looks, each {back:>5?} back: {} are there, {missed} missed",
            there.len()
        );
    }
}

struct Looks<'a> {
    newest: &'a LastPid,
    listing: Listing,
    found: Vec<Pid>,
    back: Duration,
    /// Earlier last pids; the first is the newest of those that are `back` old.
    past: VecDeque<(Instant, Pid)>,
}

impl<'a> Looks<'a> {
    fn new(newest: &'a LastPid, back: Duration) -> Self {
        let past = VecDeque::from([(Instant::now(), newest.pid().unwrap())]);
        Self { newest, listing: Listing::new(), found: Vec::new(), back, past }
    }

    /// Whether the last pid has moved.
    fn look(&mut self, known: &mut HashSet<Pid>) -> bool {
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
