//! The cost of a forecast: a sample, an evaluation, and the memory of a series that is a day old.

use std::time::Duration;

use claude_watchdog::forecast::{EVALUATION_INTERVAL, Forecaster};
use claude_watchdog::model::forecast::Ceiling;
use claude_watchdog::model::{Boottime, Bytes};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};

/// Shows the memory of a series beside the time: `max alloc`.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    println!("a series: {} bytes, plus the allocations of `day`", size_of::<Forecaster>());
    divan::main();
}

/// A sample every ten seconds for a day: a leak under a garbage collector, the most expensive shape; all windows are in use.
fn samples() -> impl Iterator<Item = (Boottime, Bytes)> {
    (0..8640_u64).map(|n| {
        let figure = Bytes::gib(2) + Bytes::new((n << 19) + ((n % 30) << 24));
        (Boottime::new(Duration::from_secs(10 * n)), figure)
    })
}

fn aged() -> (Forecaster, Boottime, Bytes) {
    let mut forecaster = Forecaster::new(Ceiling::KillThreshold, Bytes::gib(13));
    let mut last = (Boottime::default(), Bytes::ZERO);
    for (at, figure) in samples() {
        forecaster.add(at, figure);
        last = (at, figure);
    }
    (forecaster, last.0, last.1)
}

/// A sample without an evaluation, as most are.
#[divan::bench]
fn sample(bencher: Bencher<'_, '_>) {
    let (mut forecaster, at, figure) = aged();
    // This one runs the evaluation that is due.
    forecaster.add(at + EVALUATION_INTERVAL, figure);
    let mut step = 0;
    bencher.bench_local(|| {
        step += 1;
        // Stay before the next evaluation: a hundred million samples fit in between.
        forecaster.add(black_box(at + EVALUATION_INTERVAL + Duration::from_nanos(step)), black_box(figure))
    });
}

/// An evaluation, once a minute: all windows, the estimate, the level, the text.
#[divan::bench]
fn evaluation(bencher: Bencher<'_, '_>) {
    let (forecaster, at, figure) = aged();
    bencher.with_inputs(|| forecaster.clone()).bench_local_refs(|forecaster| {
        forecaster.add(at + EVALUATION_INTERVAL, black_box(figure));
        forecaster.forecast()
    });
}

/// A whole day; `max alloc` is the heap memory of the series at the end, without the value itself.
#[divan::bench]
fn day(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(8640_usize)).bench_local(aged);
}
