//! A machine that allocates at any rate, watched exactly as by the daemon: poll, sample, signal. An emulated machine
//! cannot show these rates.

use proptest::prelude::*;

use super::*;
use crate::model::Signal;

/// The outcome of one run.
#[derive(Debug, Default)]
struct SimulationResult {
    /// The lowest remaining memory.
    least: Bytes,
    /// Memory was exhausted: the kernel's OOM killer would have acted.
    exhausted: bool,
    /// Signals, with the memory remaining when they were sent.
    batches: Vec<(Signal, Vec<i32>, Bytes)>,
    glances: u32,
    samples: u32,
}

/// The behaviour of the machine.
#[derive(Clone, Copy, Debug)]
struct Case {
    total: Bytes,
    swap: Bytes,
    /// Swap is compressed memory; `None`: it is on a disk.
    zram: Option<SimulatedZram>,
    /// Memory used outside agents at the beginning.
    others: Bytes,
    /// Memory of the agent apart from the leak.
    base: Bytes,
    /// MiB a second that the leak takes, once it begins.
    rate: u64,
    /// Begin of the leak, in milliseconds after the first poll.
    onset: u64,
    /// Duration of a sample, until its signal is sent.
    work: Duration,
    /// Every wakeup is late by this.
    late: Duration,
    /// The leak is outside the agent.
    outside: bool,
    /// It is a build, which peaks here and falls back.
    peak: Option<Bytes>,
    /// Time from TERM to its exit; `None`: it ignores TERM.
    obeys: Option<Duration>,
}

/// How well new pages compress.
#[derive(Clone, Copy, Debug)]
struct SimulatedZram {
    /// Percent of a page that compression saves.
    saves: u64,
    /// Whether that is known from the start. Otherwise half a page is assumed, until some pages were stored.
    is_known: bool,
}

/// Stored memory from which on the compression ratio is known.
const LEARNT: Bytes = Bytes::mib(16);

const LINES_OUT_OF_REACH: Thresholds = Thresholds { warn: Bytes::gib(900), kill: Bytes::gib(1000) };

/// The leak, as the kernel knows it.
#[derive(Clone, Copy, Debug)]
struct Leak {
    case: Case,
    /// It was killed and takes no more.
    stopped: Option<Duration>,
    /// Its memory is back from then on.
    ends: Option<Duration>,
}

impl Leak {
    fn is_gone(&self, at: Duration) -> bool {
        self.ends.is_some_and(|ends| at >= ends)
    }

    fn held(&self, at: Duration) -> Bytes {
        if self.is_gone(at) {
            return Bytes::ZERO;
        }
        if let Some(peak) = self.case.peak {
            return self.build(at, peak);
        }
        let until = self.stopped.map_or(at, |stopped| stopped.min(at));
        let leaking = until.saturating_sub(Duration::from_millis(self.case.onset));
        Bytes::new(u64::try_from(leaking.as_micros()).unwrap() * (self.case.rate << 20) / 1_000_000)
    }

    /// Up to its peak and back to nothing, over and over.
    fn build(&self, at: Duration, peak: Bytes) -> Bytes {
        let up = peak.get() * 1_000_000 / (self.case.rate << 20);
        let within = u64::try_from(at.as_micros()).unwrap() % (up + 1 + self.case.onset * 1000);
        if within > up { Bytes::ZERO } else { Bytes::new(within * (self.case.rate << 20) / 1_000_000) }
    }

    /// The memory that really remains.
    fn left(&self, at: Duration) -> Bytes {
        let guest = self.guest(at);
        let free = guest.swap_free;
        guest.mem_available + self.case.zram.map_or(free, |zram| free.share(zram.saves, 100))
    }

    fn guest(&self, at: Duration) -> SystemMemory {
        let Case { total, swap, others, base, zram, .. } = self.case;
        let used = others + base + self.held(at);
        let swapped = self.swapped(used);
        let free = swap.saturating_sub(swapped);
        let saves = zram.map_or(100, |zram| zram.saves);
        let is_known = zram.is_none_or(|zram| zram.is_known) || swapped >= LEARNT;
        SystemMemory {
            mem_total: total,
            mem_available: (total + swapped.share(saves, 100)).saturating_sub(used),
            swap_total: swap,
            swap_free: free,
            swap_headroom: free.share(if is_known { saves } else { 50 }, 100),
            zram: swapped.saturating_sub(swapped.share(saves, 100)),
            per_cpu: Bytes::ZERO,
            process_totals: Charge { anon: total, shmem: total, swap: swapped },
        }
    }

    /// Memory first, then swap: pages that do not fit are swapped out as fast as needed. If compression may save
    /// nothing, the kernel begins while a little is left, and swaps out at most four pages for one that is wanted.
    fn swapped(&self, used: Bytes) -> Bytes {
        let Case { total, swap, zram, .. } = self.case;
        let saves = zram.map_or(100, |zram| zram.saves);
        let wanted = |memory: Bytes| used.saturating_sub(memory);
        let needed = if saves > 0 { wanted(total).share(100, saves) } else { Bytes::ZERO };
        let ahead = zram
            .filter(|zram| !zram.is_known)
            .map(|_| wanted(total.share(97, 100)).share(100, saves.max(25)));
        needed.max(ahead.unwrap_or_default()).min(swap)
    }

    fn signal(&mut self, at: Duration, signal: Signal) {
        let ends = match signal {
            // Its memory is back soon.
            Signal::Kill => {
                self.stopped.get_or_insert(at);
                Some(at + Duration::from_millis(50))
            }
            Signal::Term => self.case.obeys.map(|wait| at + wait),
            Signal::Stop => None,
        };
        self.ends = ends.into_iter().chain(self.ends).min();
    }
}

fn run(case: Case, seconds: u64) -> SimulationResult {
    let mut world = World::new().agent(100, case.base).child(100, 101, "leak", Bytes::ZERO);
    world.engine = Engine::new(
        LINES_OUT_OF_REACH,
        ActionSettings { dry_run: false, grace: Duration::from_secs(10), ..ActionSettings::default() },
        GuardSettings::default(),
    );
    let mut leak = Leak { case, stopped: None, ends: None };
    let mut outcome = SimulationResult { least: case.total, ..SimulationResult::default() };
    let mut now = Duration::ZERO;
    while now < Duration::from_secs(seconds) && !outcome.exhausted {
        outcome.glances += 1;
        let poll = world.engine.poll_memory(Boottime::new(now), &leak.guest(now));
        let mut next = poll.next_poll;
        if poll.sample_due {
            outcome.samples += 1;
            let step = sample(&mut world, &leak, now);
            now += case.work;
            next = step.next_poll;
            if let Some(signals) = step.signals {
                let pids: Vec<i32> = signals.targets.iter().map(|t| t.pid.get()).collect();
                outcome.batches.push((signals.signal, pids, leak.left(now)));
                leak.signal(now, signals.signal);
            }
        }
        outcome.saw(leak.left(now));
        now += next + case.late;
        outcome.saw(leak.left(now));
    }
    outcome
}

impl SimulationResult {
    fn saw(&mut self, left: Bytes) {
        self.least = self.least.min(left);
        self.exhausted |= left == Bytes::ZERO;
    }
}

fn sample(world: &mut World, leak: &Leak, now: Duration) -> Step {
    world.snapshot.at = Boottime::new(now);
    world.snapshot.guest = leak.guest(now);
    if leak.is_gone(now) || leak.case.outside {
        world.snapshot.agents[0].members.retain(|m| m.key == key(100));
    } else {
        world.grow(101, leak.held(now));
    }
    let agent = &mut world.snapshot.agents[0];
    agent.charge = agent.members.iter().map(|m| m.charge).sum();
    world.engine.step(&world.snapshot)
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (4u64..=24, prop_oneof![Just(0u64), 64u64..=8192]);
    let shares =
        (5u64..60, 2u64..10, prop_oneof![Just(None), (20u64..90).prop_map(|saves| Some(known(saves)))]);
    let rates = prop_oneof![1u64..50, 50u64..1000, 1000u64..=6144];
    let times = (0u64..3000, 1u64..10, 0u64..8);
    let obeys = prop_oneof![Just(None), (0u64..20_000).prop_map(Some)];
    (sizes, shares, rates, times, obeys, any::<bool>()).prop_map(
        |((gib, swap), (others, base, zram), rate, (onset, work, late), obeys, outside)| {
            let total = Bytes::gib(gib);
            // Not more than the memory is compressed into it.
            let most = zram.map_or(Bytes::mib(swap), |_| total);
            Case {
                total,
                swap: Bytes::mib(swap).min(most),
                zram,
                others: total.share(others, 100),
                base: total.share(base, 100),
                rate,
                onset,
                work: Duration::from_millis(work),
                late: Duration::from_millis(late),
                outside,
                peak: None,
                obeys: obeys.map(Duration::from_millis),
            }
        },
    )
}

fn known(saves: u64) -> SimulatedZram {
    SimulatedZram { saves, is_known: true }
}

/// Zram as large as the memory at most, with pages that compress well, badly or not at all. The last 3 % of memory last
/// for 80 ms: swapped-out pages must be compressed first, useful or not.
fn unknown_zram() -> impl Strategy<Value = Case> {
    let saves = prop_oneof![Just(0u64), 0u64..90];
    (cases(), 3u64..=100, saves).prop_map(|(case, size, saves)| {
        let zram = Some(SimulatedZram { saves, is_known: false });
        let rate = case.rate.min(case.total.share(3, 8).get() >> 20);
        Case { swap: case.total.share(size, 100), zram, rate, ..case }
    })
}

/// Long enough to fill all of it.
fn long_enough(case: Case) -> u64 {
    let room = (case.total + case.swap).get() >> 20;
    room / case.rate + case.onset / 1000 + 40
}

fn acted_in_time(case: Case) -> Result<(), TestCaseError> {
    let case = Case { outside: false, ..case };
    let outcome = run(case, long_enough(case));
    prop_assert!(!outcome.exhausted, "{outcome:?}");
    prop_assert!(!outcome.batches.is_empty(), "it did act");
    prop_assert!(outcome.batches.iter().all(|(_, pids, _)| *pids == [101]), "the guilty part: {outcome:?}");
    Ok(())
}

fn left_alone(case: Case) -> Result<(), TestCaseError> {
    let case = Case { outside: true, ..case };
    let outcome = run(case, long_enough(case));
    prop_assert!(outcome.batches.is_empty(), "{outcome:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_guard_acts_before_memory_is_exhausted(case in cases()) {
        acted_in_time(case)?;
    }

    #[test]
    fn growth_elsewhere_kills_no_agent(case in cases()) {
        left_alone(case)?;
    }

    #[test]
    fn the_guard_acts_in_time_with_poorly_compressing_zram(case in unknown_zram()) {
        acted_in_time(case)?;
    }

    #[test]
    fn growth_elsewhere_kills_no_agent_with_poorly_compressing_zram(case in unknown_zram()) {
        left_alone(case)?;
    }

    /// A build that leaves a tenth of the memory free at its peak, and is no faster than the guard must be ready for.
    #[test]
    fn a_build_that_falls_back_is_left_alone(case in cases(), falls_back_to in 10u64..30) {
        let used = case.others + case.base + case.total.share(falls_back_to + 1, 100);
        let peak = case.total.saturating_sub(used);
        let rate = case.rate.min((case.total.get() >> 20) * 9 / 10);
        let case = Case { outside: false, swap: Bytes::ZERO, peak: Some(peak), rate, onset: case.onset + 500, ..case };
        let outcome = run(case, 120);
        prop_assert!(outcome.batches.is_empty(), "{outcome:?}");
    }

    /// Ten seconds of grace for slow growth, and little memory given away for it.
    #[test]
    fn slow_growth_gets_sigterm_and_not_early(case in cases()) {
        let case = Case { outside: false, rate: case.rate.min(20), obeys: Some(Duration::from_secs(2)), ..case };
        let outcome = run(case, long_enough(case));
        prop_assert_eq!(outcome.batches.len(), 1, "{:?}", outcome);
        let (signal, _, left) = &outcome.batches[0];
        prop_assert_eq!(*signal, Signal::Term);
        // 4 %, and the underestimated capacity of badly filled zram.
        prop_assert!(*left <= case.total.share(5, 100), "{} of {}", left, case.total);
    }
}

#[test]
fn at_rest_polls_take_a_second_and_samples_ten() {
    let case = Case {
        total: Bytes::gib(16),
        swap: Bytes::ZERO,
        others: Bytes::gib(2),
        base: Bytes::mib(500),
        rate: 1,
        onset: 1_000_000,
        work: Duration::from_millis(1),
        late: Duration::ZERO,
        outside: false,
        zram: None,
        peak: None,
        obeys: None,
    };
    let outcome = run(case, 60);
    assert!((58..=62).contains(&outcome.glances), "{outcome:?}");
    assert!((5..=8).contains(&outcome.samples), "{outcome:?}");
}

/// The highest rate that a machine of 4 GiB is polled for, beginning at any moment.
#[test]
fn a_leak_may_begin_at_any_moment() {
    let mut exhausted = Vec::new();
    for onset in (0..3000).step_by(7) {
        for (work, late) in [(1, 0), (1, 7), (5, 3), (9, 0), (9, 7)] {
            let total = Bytes::gib(4);
            let case = Case {
                total,
                swap: Bytes::ZERO,
                zram: None,
                others: total.share(46, 100),
                base: total.share(4, 100),
                rate: 6144,
                onset,
                work: Duration::from_millis(work),
                late: Duration::from_millis(late),
                outside: false,
                peak: None,
                obeys: None,
            };
            if run(case, 10).exhausted {
                exhausted.push((onset, work, late));
            }
        }
    }
    assert!(exhausted.is_empty(), "{} of 2145: {exhausted:?}", exhausted.len());
}
