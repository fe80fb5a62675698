//! A guest that allocates as fast as it likes, watched exactly as the daemon watches it: glance, look, signal. An
//! emulated guest cannot show these rates.

use proptest::prelude::*;

use super::*;
use crate::model::Signal;

/// What one run shows.
#[derive(Debug, Default)]
struct Outcome {
    /// The least that was left.
    least: Bytes,
    /// All was gone: the kernel's OOM killer would have come.
    exhausted: bool,
    /// Signals, with what was left when they went out.
    waves: Vec<(Signal, Vec<i32>, Bytes)>,
    glances: u32,
    looks: u32,
}

/// How the guest behaves.
#[derive(Clone, Copy, Debug)]
struct Case {
    total: Bytes,
    swap: Bytes,
    /// Swap is compressed memory. `None`: it is on a disk.
    zram: Option<Zram>,
    /// What others hold when it begins.
    others: Bytes,
    /// What the agent holds apart from what leaks.
    base: Bytes,
    /// MiB a second that the leak takes, once it begins.
    rate: u64,
    /// When, in milliseconds after the first glance.
    onset: u64,
    /// How long a look takes, until its signal is out.
    work: Duration,
    /// Every wake is late by this.
    late: Duration,
    /// The leak is not the agent's.
    outside: bool,
    /// It is a build, which peaks here and falls back.
    peak: Option<Bytes>,
    /// A TERM ends it after so long; `None`: it takes no notice.
    obeys: Option<Duration>,
}

/// How well what comes compresses.
#[derive(Clone, Copy, Debug)]
struct Zram {
    /// So many percent of a page are saved.
    saves: u64,
    /// Whether that is known from the start. Else half a page is assumed, until some was stored.
    is_known: bool,
}

/// So much must have been stored before its ratio is known.
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

    /// What is really left.
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

    /// Memory first, then swap: what does not fit is swapped out as fast as it is needed. Where it may save nothing, the
    /// kernel begins while a little is left, and swaps out four pages at the most for one that is wanted.
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

fn run(case: Case, seconds: u64) -> Outcome {
    let mut world = World::new().agent(100, case.base).child(100, 101, "leak", Bytes::ZERO);
    world.engine = Engine::new(
        LINES_OUT_OF_REACH,
        ActionSettings { dry_run: false, grace: Duration::from_secs(10), ..ActionSettings::default() },
        GuardSettings::default(),
    );
    let mut leak = Leak { case, stopped: None, ends: None };
    let mut outcome = Outcome { least: case.total, ..Outcome::default() };
    let mut now = Duration::ZERO;
    while now < Duration::from_secs(seconds) && !outcome.exhausted {
        outcome.glances += 1;
        let glance = world.engine.poll_memory(Boottime::new(now), &leak.guest(now));
        let mut next = glance.next_poll;
        if glance.sample_due {
            outcome.looks += 1;
            let step = look(&mut world, &leak, now);
            now += case.work;
            next = step.next_poll;
            if let Some(signals) = step.signals {
                let pids: Vec<i32> = signals.targets.iter().map(|t| t.pid.get()).collect();
                outcome.waves.push((signals.signal, pids, leak.left(now)));
                leak.signal(now, signals.signal);
            }
        }
        outcome.saw(leak.left(now));
        now += next + case.late;
        outcome.saw(leak.left(now));
    }
    outcome
}

impl Outcome {
    fn saw(&mut self, left: Bytes) {
        self.least = self.least.min(left);
        self.exhausted |= left == Bytes::ZERO;
    }
}

fn look(world: &mut World, leak: &Leak, now: Duration) -> Step {
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
            // More than memory is not pressed into it.
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

fn known(saves: u64) -> Zram {
    Zram { saves, is_known: true }
}

/// Zram as large as the guest at the most, with what compresses well, badly or not at all. The last 3 % of memory last
/// for 80 ms: what is swapped out must be compressed first, whether that is any use or not.
fn unknown_zram() -> impl Strategy<Value = Case> {
    let saves = prop_oneof![Just(0u64), 0u64..90];
    (cases(), 3u64..=100, saves).prop_map(|(case, size, saves)| {
        let zram = Some(Zram { saves, is_known: false });
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
    prop_assert!(!outcome.waves.is_empty(), "it did act");
    prop_assert!(outcome.waves.iter().all(|(_, pids, _)| *pids == [101]), "the guilty part: {outcome:?}");
    Ok(())
}

fn left_alone(case: Case) -> Result<(), TestCaseError> {
    let case = Case { outside: true, ..case };
    let outcome = run(case, long_enough(case));
    prop_assert!(outcome.waves.is_empty(), "{outcome:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_guard_has_acted_before_all_is_gone(case in cases()) {
        acted_in_time(case)?;
    }

    #[test]
    fn nobody_ends_for_what_others_do(case in cases()) {
        left_alone(case)?;
    }

    #[test]
    fn the_guard_has_acted_before_all_is_gone_though_zram_saves_less_than_assumed(case in unknown_zram()) {
        acted_in_time(case)?;
    }

    #[test]
    fn nobody_ends_for_what_others_do_though_zram_saves_less_than_assumed(case in unknown_zram()) {
        left_alone(case)?;
    }

    /// One that leaves a tenth of the guest free at its peak, and is no faster than what the guard must be ready for.
    #[test]
    fn a_build_that_falls_back_is_left_alone(case in cases(), report_no_action in 10u64..30) {
        let used = case.others + case.base + case.total.share(report_no_action + 1, 100);
        let peak = case.total.saturating_sub(used);
        let rate = case.rate.min((case.total.get() >> 20) * 9 / 10);
        let case = Case { outside: false, swap: Bytes::ZERO, peak: Some(peak), rate, onset: case.onset + 500, ..case };
        let outcome = run(case, 120);
        prop_assert!(outcome.waves.is_empty(), "{outcome:?}");
    }

    /// Ten seconds of patience for what does not hurry, and not much memory given away for it.
    #[test]
    fn who_fills_slowly_is_asked_first_and_not_early(case in cases()) {
        let case = Case { outside: false, rate: case.rate.min(20), obeys: Some(Duration::from_secs(2)), ..case };
        let outcome = run(case, long_enough(case));
        prop_assert_eq!(outcome.waves.len(), 1, "{:?}", outcome);
        let (signal, _, left) = &outcome.waves[0];
        prop_assert_eq!(*signal, Signal::Term);
        // 4 %, and what room in zram that is badly filled is weighed too low.
        prop_assert!(*left <= case.total.share(5, 100), "{} of {}", left, case.total);
    }
}

#[test]
fn a_guest_at_rest_is_glanced_at_once_a_second_and_looked_at_every_ten() {
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
    assert!((5..=8).contains(&outcome.looks), "{outcome:?}");
}

/// The fastest that a guest of 4 GiB is watched for, at whatever moment it begins.
#[test]
fn no_moment_is_too_early_or_too_late() {
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
