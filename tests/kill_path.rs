//! Between a decision and its signal nothing is allocated: under pressure an allocation may wait for the very memory
//! that the signal is to free.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]
#![allow(unsafe_code, reason = "a counting allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::process::Command;

use claude_watchdog::linux::pidfd::{Sent, Signaller};
use claude_watchdog::linux::proc::Proc;
use claude_watchdog::model::{Pid, ProcessKey};
use rustix::process::Signal;

/// The system's allocator, with a count of what this thread asks of it.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is being torn down has no count any more, and nothing to measure.
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ASKED.get();
    let result = work();
    (result, ASKED.get() - before)
}

#[test]
fn a_signal_is_sent_without_an_allocation() {
    let (_, counted) = allocations(|| Box::new(1));
    assert_eq!(counted, 1, "the count counts");

    let signaller = Signaller::open().unwrap();
    let mut children: Vec<_> = (0..3).map(|_| Command::new("sleep").arg("60").spawn().unwrap()).collect();
    let keys: Vec<ProcessKey> = children
        .iter()
        .map(|child| Pid::new(i32::try_from(child.id()).unwrap()).unwrap())
        .map(|pid| Proc::open(Path::new("/proc")).unwrap().stat(pid).unwrap().unwrap().key)
        .collect();
    let stranger = ProcessKey { start_ticks: keys[0].start_ticks.wrapping_sub(1), ..keys[0] };
    let nobody = ProcessKey { pid: Pid::new(i32::MAX).unwrap(), start_ticks: 1 };

    let (sent, counted) = allocations(|| {
        let [a, b, c] = [keys[0], keys[1], keys[2]].map(|key| signaller.send(key, Signal::KILL));
        [a, b, c, signaller.send(stranger, Signal::KILL), signaller.send(nobody, Signal::KILL)]
    });
    assert_eq!(sent, [Sent::Delivered, Sent::Delivered, Sent::Delivered, Sent::Gone, Sent::Gone]);
    assert_eq!(counted, 0);
    for child in &mut children {
        assert!(!child.wait().unwrap().success());
    }
}
