use super::series::AlertChange;
use super::*;
use crate::api::history::{BreakInfo, PointInfo, SeriesInfo};
use crate::api::status::GuestInfo;
use crate::model::event::EventKind;
use crate::model::forecast::ForecastAlert;
use crate::model::testing::{self, key};
use crate::model::{AgentSample, Charge, Member, Pid};

mod once;
mod runaway;

const KILL_THRESHOLD: Bytes = Bytes::gib(8);
const THRESHOLDS: Thresholds = Thresholds { warn: Bytes::gib(5), kill: KILL_THRESHOLD };

/// A machine of 16 GiB with `available` memory.
pub(crate) fn guest_with(available: Bytes) -> SystemMemory {
    SystemMemory { mem_total: Bytes::gib(16), mem_available: available, ..SystemMemory::default() }
}

fn member(pid: i32, lineage: &[i32], charge: Bytes) -> Member {
    testing::member(pid, lineage, "node", charge)
}

/// An agent of one process.
pub(crate) fn agent(pid: i32, charge: Bytes) -> AgentSample {
    with(pid, vec![member(pid, &[], charge)])
}

fn with(pid: i32, members: Vec<Member>) -> AgentSample {
    testing::sample(pid, members)
}

/// A machine that is sampled each ten seconds.
struct World {
    forecasts: ForecastTracker,
    seconds: u64,
    /// Memory use outside of agents.
    others: Bytes,
    /// Reported events: the minute, the agent's pid and the kind.
    events: Vec<(u64, Option<i32>, EventKind)>,
}

impl World {
    fn new() -> Self {
        Self { forecasts: ForecastTracker::new(), seconds: 0, others: Bytes::gib(1), events: Vec::new() }
    }

    fn observe(&mut self, agents: Vec<AgentSample>) {
        let held: Charge = agents.iter().map(|agent| agent.charge).sum();
        let guest = guest_with(Bytes::gib(16).saturating_sub(self.others + held.total()));
        let at = Boottime::new(Duration::from_secs(self.seconds));
        let snapshot = Snapshot { at, guest, agents, ..Snapshot::default() };
        for event in self.forecasts.observe(&snapshot, THRESHOLDS).into_iter().flatten() {
            let pid = event.agent.map(|agent| agent.root.pid.get());
            self.events.push((self.seconds / 60, pid, event.kind));
        }
        self.seconds += 10;
    }

    fn run(&mut self, minutes: u64, agents: impl Fn(u64) -> Vec<AgentSample>) {
        let start = self.seconds;
        while self.seconds < start + minutes * 60 {
            self.observe(agents((self.seconds - start) / 10));
        }
    }

    fn alerts(&self) -> Vec<(Option<i32>, ForecastAlert)> {
        let of = |(_, pid, kind): &(u64, Option<i32>, EventKind)| match kind {
            EventKind::ForecastAlert(alert) => Some((*pid, *alert)),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }
}

/// A charge that grows from `from` by `mib` MiB each step.
fn leak(from: Bytes, mib: u64, step: u64) -> Bytes {
    from + Bytes::mib(mib * step)
}

#[test]
fn a_slow_leak_is_reported_once_with_a_correct_eta() {
    let mut world = World::new();
    // 1 GiB an hour to 8 GiB: 4 hours.
    world.run(235, |step| vec![agent(100, leak(Bytes::gib(4), 1024, step).share(1, 360) + Bytes::gib(4))]);
    let alerts = world.alerts();
    let [(Some(100), one)] = alerts.as_slice() else { panic!("{:?}", world.events) };
    assert_eq!(
        (one.level, one.ceiling, one.limit),
        (ForecastLevel::Warn, Ceiling::KillThreshold, KILL_THRESHOLD)
    );
    let (minute, ..) = world.events[0];
    let actual = Duration::from_mins(236_u64.saturating_sub(minute));
    assert!(one.between.0 <= actual && actual <= one.between.1, "{one:?}, actually {actual:?}");
    assert!(actual >= Duration::from_mins(30), "reported {actual:?} ahead");
    assert_eq!(world.forecasts.summary().level, ForecastLevel::Warn);
}

#[test]
fn stable_memory_use_raises_no_alert() {
    let mut world = World::new();
    let saw = |step: u64| Bytes::gib(3) + Bytes::mib(10 * (step % 60));
    world.run(240, |step| vec![agent(100, saw(step)), agent(200, Bytes::gib(2))]);
    assert_eq!(world.events, []);
    assert_eq!(world.forecasts.summary(), ForecastSummary::default());
}

#[test]
fn the_alert_of_a_runaway_child_clears_when_it_exits() {
    let mut world = World::new();
    let calm = |_| vec![with(100, vec![member(100, &[], Bytes::gib(1))])];
    world.run(20, calm);
    let child = |step| member(101, &[100], leak(Bytes::mib(100), 150, step));
    world.run(5, |step| vec![with(100, vec![member(100, &[], Bytes::gib(1)), child(step)])]);
    let alerts = world.alerts();
    let levels: Vec<_> = alerts.iter().map(|(pid, alert)| (*pid, alert.level)).collect();
    assert_eq!(levels, [(Some(100), ForecastLevel::Runaway)], "{:?}", world.events);
    assert_eq!(world.forecasts.summary().level, ForecastLevel::Runaway);
    // The growing part has a forecast too, with what the rest of the agent leaves as its ceiling.
    let forecast = &world.forecasts.agents[&key(100)];
    let part = forecast
        .latest_values()
        .find(|(series, _)| matches!(series.subject, SeriesSubject::Part { .. }))
        .unwrap();
    assert!(part.1 > Bytes::gib(4), "{part:?}");
    world.run(2, calm);
    assert_eq!(
        world.events.last().map(|(.., kind)| kind),
        Some(&EventKind::ForecastCleared),
        "{:?}",
        world.events
    );
    assert_eq!(world.forecasts.summary().level, ForecastLevel::None);
    assert_eq!(world.events.len(), 2);
}

#[test]
fn short_lived_children_do_not_hide_the_agents_leak() {
    let mut world = World::new();
    // A build that grows to 1 GiB in ten steps, each 12 minutes; the agent itself grows by 1 GiB an hour.
    let build = |step: u64| (step % 72 < 10).then(|| member(500, &[100], Bytes::mib(100 * (step % 72))));
    let own = |step: u64| member(100, &[], Bytes::gib(4) + Bytes::mib(1024 * step / 360));
    world.run(215, |step| vec![with(100, std::iter::once(own(step)).chain(build(step)).collect())]);
    assert!(
        world.alerts().iter().any(|(pid, alert)| *pid == Some(100) && alert.level == ForecastLevel::Warn),
        "{:?}",
        world.events
    );
}

#[test]
fn agents_that_together_exceed_the_machine_alert_for_its_memory() {
    let mut world = World::new();
    world.others = Bytes::gib(2);
    let one = |step: u64| Bytes::gib(2) + Bytes::mib(1200 * step / 360);
    world.run(200, |step| vec![agent(100, one(step)), agent(200, one(step))]);
    let alerts = world.alerts();
    assert!(!alerts.is_empty(), "{:?}", world.events);
    assert!(alerts.iter().all(|(_, alert)| alert.ceiling == Ceiling::Guest), "{alerts:?}");
}

#[test]
fn growth_outside_of_agents_alerts_for_the_machine() {
    let mut world = World::new();
    for step in 0..1150 {
        world.others = Bytes::gib(5) + Bytes::mib(2048 * step / 360);
        world.observe(vec![agent(100, Bytes::gib(3))]);
    }
    let alerts = world.alerts();
    assert!(alerts.iter().any(|(pid, _)| pid.is_none()), "{:?}", world.events);
    assert!(alerts.iter().all(|(_, alert)| alert.ceiling == Ceiling::Guest), "{alerts:?}");
}

#[test]
fn a_heap_limit_is_a_ceiling() {
    let mut world = World::new();
    let node = |step: u64| Member {
        heap_limit: Some(Bytes::gib(4)),
        ..member(100, &[], Bytes::gib(2) + Bytes::mib(1024 * step / 360))
    };
    world.run(110, |step| vec![with(100, vec![node(step)])]);
    let alerts = world.alerts();
    let [(Some(100), one)] = alerts.as_slice() else { panic!("{:?}", world.events) };
    assert_eq!((one.ceiling, one.limit), (Ceiling::Heap, Bytes::gib(4)));
    // Memory beyond the limit is not in the heap, so the heap's limit no longer applies.
    world.run(10, |_| {
        vec![with(100, vec![Member { heap_limit: Some(Bytes::gib(4)), ..member(100, &[], Bytes::gib(5)) }])]
    });
    assert!(world.forecasts.agents[&key(100)].level() < ForecastLevel::Warn, "{:?}", world.events);
}

#[test]
fn agents_with_forecasts_are_bounded_and_removed_on_exit() {
    let mut world = World::new();
    world.run(2, |_| (1..=150).map(|pid| agent(pid, Bytes::mib(100))).collect());
    assert_eq!(world.forecasts.agents.len(), MAX_AGENTS);
    assert_eq!(world.forecasts.latest_values().len(), MAX_AGENTS + 1);
    world.run(1, |_| Vec::new());
    assert!(world.forecasts.agents.is_empty());
}

#[test]
fn samples_in_quick_succession_are_ignored() {
    let mut forecasts = ForecastTracker::new();
    let at = |millis| Snapshot {
        at: Boottime::new(Duration::from_millis(millis)),
        guest: guest_with(Bytes::gib(8)),
        agents: vec![agent(100, Bytes::mib(millis))],
        ..Snapshot::default()
    };
    forecasts.observe(&at(1000), THRESHOLDS);
    assert_eq!(forecasts.observe(&at(1100), THRESHOLDS), None);
    assert_eq!(forecasts.latest_values()[1].1, Bytes::mib(1000));
    forecasts.observe(&at(2000), THRESHOLDS);
    assert_eq!(forecasts.latest_values()[1].1, Bytes::mib(2000));
}

/// The same leak, with a restart of the daemon during its alert.
#[test]
fn a_restarted_daemon_continues_from_recorded_history() {
    let leak = |step: u64| agent(100, Bytes::gib(4) + Bytes::mib(1024 * step / 360));
    let mut world = World::new();
    world.run(200, |step| vec![leak(step)]);
    assert_eq!(world.alerts().len(), 1, "{:?}", world.events);

    let now = 1_000_000;
    let minutes = |figure: &dyn Fn(u64) -> Bytes| -> Vec<PointInfo> {
        let point = |minute: u64| PointInfo {
            time: UnixSeconds(now - (200 - minute.cast_signed()) * 60),
            seconds: 60,
            min: figure(minute * 6),
            mean: figure(minute * 6 + 3),
            max: figure(minute * 6 + 5),
        };
        (0..200).map(point).collect()
    };
    let series = |kind, id: &str, pid, points| SeriesInfo {
        kind,
        id: id.to_owned(),
        name: None,
        pid,
        uid: Uid::new(1000),
        this_boot: true,
        points,
    };
    let charge = |step: u64| leak(step).charge.total();
    let guest = |step: u64| Bytes::gib(1) + leak(step).charge.total();
    let history = HistoryInfo {
        now: UnixSeconds(now),
        since: UnixSeconds(0),
        series: vec![
            series(SeriesKind::Guest, "guest", None, minutes(&guest)),
            series(SeriesKind::Agent, "claude-100", Pid::new(100), minutes(&charge)),
            series(SeriesKind::Agent, "claude-7", Pid::new(7), minutes(&charge)),
        ],
        breaks: Vec::new(),
        left_out: 0,
    };
    let mut restarted = World { seconds: world.seconds, ..World::new() };
    let at = Boottime::new(Duration::from_secs(restarted.seconds));
    let snapshot =
        Snapshot { at, guest: guest_with(Bytes::gib(8)), agents: vec![leak(1200)], ..Snapshot::default() };
    // On a full machine the agent's alert covers the machine's.
    let mut full = World { seconds: world.seconds, ..World::new() };
    let mut crowded = history.clone();
    crowded.series[0].points = minutes(&|step| Bytes::mib(8000) + charge(step));
    let shown = Snapshot { guest: guest_with(Bytes::gib(1)), ..snapshot.clone() };
    full.forecasts.seed(&crowded, &shown, THRESHOLDS);
    assert_eq!(full.forecasts.guest.reported, ForecastLevel::Warn);
    assert!(!full.forecasts.guest.has_reported());

    restarted.forecasts.seed(&history, &snapshot, THRESHOLDS);
    assert_eq!(restarted.forecasts.agents.len(), 1, "exited agents are not seeded");
    restarted.run(20, |step| vec![leak(1200 + step)]);
    assert_eq!(restarted.events, [], "it was reported before the restart");
    assert_eq!(restarted.forecasts.summary().level, ForecastLevel::Warn);
    let before = world.forecasts.agents[&key(100)].own_forecast();
    let after = restarted.forecasts.agents[&key(100)].own_forecast();
    assert_eq!(after.reason.split(',').next(), before.reason.split(',').next());
    // History from before the boot does not apply, nor history with times of another clock.
    for breaks in
        [Vec::new(), vec![BreakInfo { time: UnixSeconds(now), kind: BreakKind::Clock, seconds: None }]]
    {
        let uptime = if breaks.is_empty() { Duration::from_secs(30) } else { at.since_boot() };
        let mut fresh = World::new();
        let booted = Snapshot { at: Boottime::new(uptime), ..snapshot.clone() };
        fresh.forecasts.seed(&HistoryInfo { breaks, ..history.clone() }, &booted, THRESHOLDS);
        assert_eq!(fresh.forecasts.summary(), ForecastSummary::default());
        assert_eq!(fresh.forecasts.guest.value, Bytes::ZERO);
    }
    // An agent started since, under the same pid, has no history.
    let mut replaced = World { seconds: world.seconds, ..World::new() };
    let mut newer = leak(1200);
    newer.agent.root.start_ticks = restarted.seconds * 100;
    replaced.forecasts.seed(&history, &Snapshot { agents: vec![newer], ..snapshot }, THRESHOLDS);
    assert_eq!(replaced.forecasts.agents.values().next().unwrap().level(), ForecastLevel::None);
}

/// The machine fills as its agent leaks, but only the agent's alert is reported, and only that is cleared when the leak is
/// killed.
#[test]
fn a_covered_alert_of_the_machine_is_never_reported() {
    let mut world = World::new();
    world.others = Bytes::mib(7700);
    let calm = || member(100, &[], Bytes::gib(1));
    let leak = |step: u64| member(101, &[100], Bytes::gib(3) + Bytes::mib(1024 * step / 360));
    world.run(200, |step| vec![with(100, vec![calm(), leak(step)])]);
    assert_eq!(
        world.forecasts.guest.forecaster.level(),
        ForecastLevel::Warn,
        "the alert is covered by the agent's"
    );
    // Not just before the next evaluation of the trend.
    (1200..1203).for_each(|step| world.observe(vec![with(100, vec![calm(), leak(step)])]));
    world.run(30, |_| vec![with(100, vec![calm()])]);
    let events: Vec<_> =
        world.events.iter().map(|(_, pid, kind)| (*pid, kind == &EventKind::ForecastCleared)).collect();
    assert_eq!(events, [(Some(100), false), (Some(100), true)], "{:?}", world.events);
    assert_eq!(world.forecasts.summary(), ForecastSummary::default());
}

#[test]
fn parts_are_updated_and_small_ones_are_replaced() {
    let mut world = World::new();
    let parts = |world: &World| -> Vec<(i32, u64)> {
        let of = |(series, value): (Arc<Series>, Bytes)| match series.subject {
            SeriesSubject::Part { top, .. } => Some((top.pid.get(), value.get() >> 20)),
            _ => None,
        };
        let mut parts: Vec<_> = world.forecasts.latest_values().into_iter().filter_map(of).collect();
        parts.sort_unstable();
        parts
    };
    let with_helpers = |mib: u64, more: Vec<Member>| {
        let helpers = (101..=106).map(|pid| member(pid, &[100], Bytes::mib(mib)));
        let all = std::iter::once(member(100, &[], Bytes::mib(5))).chain(helpers).chain(more);
        vec![with(100, all.collect())]
    };
    // Two samples, since each adds three parts at most.
    for large in [101..=103, 104..=106] {
        let mut agents = with_helpers(100, Vec::new());
        let grown = |member: &&mut Member| large.contains(&member.key.pid.get());
        agents[0].members.iter_mut().filter(grown).for_each(|member| member.charge.anon = Bytes::mib(300));
        agents[0].charge = agents[0].members.iter().map(|member| member.charge).sum();
        world.observe(agents);
    }
    assert_eq!(parts(&world).len(), 6);
    // They have freed their memory and live on: their latest values are small.
    world.observe(with_helpers(1, Vec::new()));
    assert!(parts(&world).iter().all(|(_, mib)| *mib == 1), "{:?}", parts(&world));
    world.observe(with_helpers(1, vec![member(200, &[100], Bytes::gib(1))]));
    assert!(parts(&world).contains(&(200, 1024)), "{:?}", parts(&world));
}

#[test]
fn an_alert_that_outlives_its_cover_is_reported() {
    let mut series = ForecastSeries::new(Ceiling::Guest, Bytes::gib(16));
    let at = |seconds| Boottime::new(Duration::from_secs(seconds));
    let mut last = 0;
    while series.forecaster.level() < ForecastLevel::Warn {
        last += 10;
        series.record(at(last), Bytes::gib(4) + Bytes::mib(2048 * last / 3600));
    }
    assert_eq!(series.alert_change(at(last), true), None, "reported by an agent");
    assert_eq!(
        series.alert_change(at(last + 60), false),
        None,
        "the agent's is cleared, and this one may be soon"
    );
    assert!(
        matches!(series.alert_change(at(last + 400), false), Some(AlertChange::Raised(_))),
        "it outlives the agent's"
    );
    assert_eq!(series.alert_change(at(last + 410), false), None, "once");
}

/// The daemon that recorded the history reported the alert at the first evaluation, just before its restart.
#[test]
fn a_reported_alert_is_not_repeated_after_a_restart() {
    let held = |minute: u64| Bytes::gib(4) + Bytes::mib(2048 * minute / 60);
    let point = |minute: u64| PointInfo {
        time: UnixSeconds(i64::try_from(minute * 60).unwrap()),
        seconds: 60,
        min: held(minute),
        mean: held(minute),
        max: held(minute + 1),
    };
    let at = |seconds| Boottime::new(Duration::from_secs(seconds));
    let to_boottime = |time: UnixSeconds| at(u64::try_from(time.0).unwrap());
    let seeded = |minutes: u64| {
        let mut series = ForecastSeries::new(Ceiling::KillThreshold, Bytes::gib(16));
        let points: Vec<PointInfo> = (0..minutes).map(point).collect();
        series.seed(&points, to_boottime, at(minutes * 60));
        series
    };
    let first_alert = (1..600).find(|&n| seeded(n).forecaster.level() >= ForecastLevel::Warn).unwrap();
    let mut series = seeded(first_alert + 2);
    assert_eq!(series.alert_change(at((first_alert + 2) * 60), false), None);
}

#[test]
fn the_heaps_of_an_agent_are_bounded() {
    let mut world = World::new();
    let node = |pid| Member { heap_limit: Some(Bytes::mib(200)), ..member(pid, &[100], Bytes::mib(100)) };
    let all = || std::iter::once(member(100, &[], Bytes::mib(50))).chain((101..=150).map(node)).collect();
    world.observe(vec![with(100, all())]);
    assert_eq!(world.forecasts.agents[&key(100)].heap_count(), 8);
}

/// Each sample reports one change, and none is lost.
#[test]
fn each_reported_heap_is_cleared_when_it_exits() {
    let mut world = World::new();
    let node = |pid| Member { heap_limit: Some(Bytes::mib(200)), ..member(pid, &[100], Bytes::mib(150)) };
    let all = || vec![member(100, &[], Bytes::mib(50)), node(101), node(102), node(103)];
    world.observe(vec![with(100, all())]);
    world.forecasts.agents.get_mut(&key(100)).unwrap().mark_heaps_reported();
    for _ in 0..5 {
        world.observe(vec![agent(100, Bytes::mib(50))]);
    }
    let events: Vec<_> = world.events.iter().map(|(_, pid, kind)| (*pid, kind)).collect();
    assert!(
        matches!(
            events[..],
            [
                (Some(100), EventKind::ForecastCleared),
                (Some(100), EventKind::ForecastCleared),
                (Some(100), EventKind::ForecastCleared)
            ]
        ),
        "{events:?}"
    );
}

#[test]
fn forecasts_appear_in_the_status_and_raise_its_verdict() {
    let status = || StatusInfo {
        version: StatusInfo::VERSION,
        verdict: Verdict::Ok,
        guest: GuestInfo {
            mem_total: Bytes::gib(16),
            mem_available: Bytes::gib(8),
            swap_total: Bytes::ZERO,
            swap_free: Bytes::ZERO,
            pressure: None,
            forecast: None,
        },
        agents: Vec::new(),
        actions: Vec::new(),
        notes: Vec::new(),
        supervisor: None,
    };
    let filled = |forecasts: &ForecastTracker, verdict| {
        let mut status = StatusInfo { verdict, ..status() };
        forecasts.fill_in(&mut status);
        (status.verdict, status.guest.forecast.map(|forecast| forecast.level))
    };
    let mut world = World::new();
    assert_eq!(filled(&world.forecasts, Verdict::Ok), (Verdict::Ok, Some(ForecastLevel::None)));
    for step in 0..1150 {
        world.others = Bytes::gib(8) + Bytes::mib(2048 * step / 360);
        world.observe(Vec::new());
    }
    assert_eq!(filled(&world.forecasts, Verdict::Ok), (Verdict::Warning, Some(ForecastLevel::Warn)));
    assert_eq!(filled(&world.forecasts, Verdict::Critical).0, Verdict::Critical, "never lowered");
}

#[test]
fn the_machines_runaway_clears_when_its_cause_exits() {
    let mut world = World::new();
    let mut others = |mib: u64, steps: u64| {
        for step in 0..steps {
            world.others = Bytes::gib(2) + Bytes::mib(mib * step);
            world.observe(Vec::new());
        }
        world.forecasts.summary()
    };
    assert_eq!(others(0, 120), ForecastSummary::default());
    let climbing = others(400, 20);
    assert_eq!(climbing.level, ForecastLevel::Runaway);
    assert!(climbing.climb.get() > 10 << 20, "{climbing:?}");
    assert_eq!(others(0, 1), ForecastSummary::default());
}

/// The capacity of empty zram is an estimate: it is not memory in use, and a changed estimate is not growth.
#[test]
fn headroom_in_zram_is_not_memory_in_use() {
    let mut guest = guest_with(Bytes::gib(12));
    let (before, all) = (guest.used(), capacity(&guest));
    (guest.swap_total, guest.swap_free, guest.swap_headroom) = (Bytes::gib(4), Bytes::gib(4), Bytes::gib(2));
    assert_eq!((guest.used(), capacity(&guest)), (before, all + Bytes::gib(2)));
    guest.swap_headroom = Bytes::gib(1);
    assert_eq!((guest.used(), capacity(&guest)), (before, all + Bytes::gib(1)));
}
