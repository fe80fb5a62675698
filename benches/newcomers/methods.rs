//! One tick of each method, without changes and with one new process a tick.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use claude_watchdog::linux::procfs::Proc;
use claude_watchdog::linux::procfs::last_pid::{LastPid, Window};
use claude_watchdog::model::Pid;

use crate::connector::Connector;
use crate::group::Groups;
use crate::listing::Listing;
use crate::meter::{median, row, skipped};
use crate::reader::Reader;
use crate::world::{World, end, group};

const ROUNDS: usize = 40;

/// Between ticks other processes run and evict our caches, as in the daemon.
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

/// Each method once a tick.
pub(crate) fn quiet(count: usize) {
    let world = World::start(count);
    let mut listing = Listing::new();
    let mut pids = Vec::new();
    listing.all(&mut pids);
    println!("\none tick, {} processes, {count} of them below 5 agents", pids.len());
    match listing.base() {
        Some(base) => println!("  (a pid's position in /proc is the pid and {base})"),
        None => println!("  (positions in /proc mean nothing here)"),
    }

    let proc = Proc::open(Path::new("/proc")).unwrap();
    let full = median(ROUNDS, pause, || {
        proc.pids(&mut pids).unwrap();
        let read = pids.iter().filter(|pid| proc.stat(**pid).is_ok()).count() as u64;
        read * 4 // plus a few for the listing, which the library does not count
    });
    row("1  list, stat of all (calls of stat only)", full);
    let mut reader = Reader::new();
    let lean = median(ROUNDS, pause, || {
        listing.calls = 0;
        listing.all(&mut pids);
        for pid in &pids {
            reader.once(&format!("{pid}/stat"));
        }
        listing.calls + reader.take_calls()
    });
    row("1  the same, one read a file, directory kept open", lean);
    let list = median(ROUNDS, pause, || {
        listing.calls = 0;
        listing.all(&mut pids);
        listing.calls
    });
    row("1  list only", list);
    newest(&mut listing, &mut reader);
    match Connector::open(None, None) {
        Ok(connector) => {
            row("3  connector, nothing happens", median(ROUNDS, pause, || connector.listen(false).calls));
            let newcomer = || Newcomer::start(&connector);
            let mut newest = None;
            let one = median(ROUNDS, || newest = Some(newcomer()), || connector.listen(false).calls);
            row("3  connector, one newcomer", one);
        }
        Err(why) => skipped("3  connector", &why),
    }
    children(&world, &mut reader);
    match Groups::create(&world) {
        Ok(groups) => {
            let procs = groups.procs();
            let read = || {
                for name in &procs {
                    assert!(reader.whole(name).is_some());
                }
                reader.take_calls()
            };
            row("5  cgroup.procs of 5 agents", median(ROUNDS, pause, read));
        }
        Err(why) => skipped("5  cgroup.procs", &why),
    }
}

fn newest(listing: &mut Listing, reader: &mut Reader) {
    let Some(newest) = LastPid::open(Path::new("/proc")) else {
        return skipped("2  last pid", "loadavg does not show it here");
    };
    row("2  last pid, unchanged", median(ROUNDS, pause, || u64::from(newest.pid().is_some())));
    for seeks in [false, true] {
        let mut last = newest.pid().unwrap();
        let mut pids = Vec::new();
        let mut newcomer = None;
        let mut scan = || {
            listing.calls = 0;
            let now = newest.pid().unwrap();
            let window = Window { after: std::mem::replace(&mut last, now), to: now };
            stat_within(window, seeks, listing, &mut pids, reader);
            1 + listing.calls + reader.take_calls()
        };
        let start = || {
            newcomer = None::<Newcomer>;
            newcomer = Some(Newcomer(group(Command::new("sleep").arg("1000"))));
            pause();
        };
        let name = if seeks {
            "2  last pid, one newcomer, list from there"
        } else {
            "2  last pid, one newcomer, list all"
        };
        row(name, median(ROUNDS, start, &mut scan));
    }
}

/// Lists the window, or all processes, and reads `stat` of the new ones.
pub(crate) fn stat_within(
    window: Window,
    seeks: bool,
    listing: &mut Listing,
    pids: &mut Vec<Pid>,
    reader: &mut Reader,
) {
    if window.is_empty() {
        return;
    }
    if seeks {
        listing.within(window, pids);
    } else {
        listing.all(pids);
    }
    for pid in pids.iter().filter(|pid| window.contains(**pid)) {
        reader.once(&format!("{pid}/stat"));
    }
}

/// A process that is killed when this is dropped.
struct Newcomer(Child);

impl Newcomer {
    /// Starts one; then only its own events are pending.
    fn start(connector: &Connector) -> Self {
        pause();
        connector.listen(false);
        let newcomer = Self(group(Command::new("sleep").arg("1000")));
        pause();
        newcomer
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn children(world: &World, reader: &mut Reader) {
    let own = std::process::id();
    if reader.whole(&format!("{own}/task/{own}/children")).is_none() {
        return skipped("4  children", "the kernel has no CONFIG_PROC_CHILDREN");
    }
    let mut found = 0;
    let walk = || {
        let mut open: Vec<String> = world.roots.iter().map(|root| root.id().to_string()).collect();
        found = 0;
        while let Some(pid) = open.pop() {
            found += 1;
            open.extend(children_of(reader, &pid));
        }
        reader.take_calls()
    };
    row("4  children, walked from 5 agents", median(ROUNDS, pause, walk));
    println!("  (found {found})");
}

/// The kernel lists children by the thread that started them, so each thread is read.
pub(crate) fn children_of(reader: &mut Reader, pid: &str) -> Vec<String> {
    let mut children = Vec::new();
    reader.calls += 4; // open, two getdents, close
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let thread = thread.file_name();
        let name = format!("{pid}/task/{}/children", thread.to_string_lossy());
        let text = String::from_utf8_lossy(reader.whole(&name).unwrap_or_default()).into_owned();
        children.extend(text.split_whitespace().map(str::to_owned));
    }
    children
}
