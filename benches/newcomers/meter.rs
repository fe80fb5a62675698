//! Processor time, and the table.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this thread so far.
pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// The median cost of `act`, and the calls of its last round. `between` is not counted.
pub(crate) fn median(
    rounds: usize,
    mut between: impl FnMut(),
    mut act: impl FnMut() -> u64,
) -> (Duration, u64) {
    let mut calls = 0;
    let mut times = Vec::new();
    // The first rounds fill caches, the kernel's included.
    for round in 0..rounds + 3 {
        between();
        let before = cpu();
        calls = act();
        let took = cpu().saturating_sub(before);
        if round >= 3 {
            times.push(took);
        }
    }
    times.sort_unstable();
    (times[times.len() / 2], calls)
}

/// One line of the table.
pub(crate) fn row(name: &str, (time, calls): (Duration, u64)) {
    println!("  {name:<58} {:>10.1} µs {calls:>7} calls", time.as_nanos() as f64 / 1000.0);
}

/// Reports a method that could not be measured, and why.
pub(crate) fn skipped(name: &str, why: &str) {
    println!("  {name:<58} skipped: {why}");
}
