use super::*;
use crate::api::history::{BreakInfo, PointInfo, SeriesInfo};
use crate::api::status::GuestInfo;
use crate::model::forecast::ForecastAlert;
use crate::model::testing::{self, key};
use crate::model::{AgentSample, Charge, Member, Pid};

mod once;
mod runaway;

const LINE: Bytes = Bytes::gib(8);
const THRESHOLDS: Thresholds = Thresholds { warn: Bytes::gib(5), kill: LINE };

/// A guest of 16 GiB with so much available.
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

/// Time passes in looks of ten seconds.
struct World {
    forecasts: ForecastTracker,
    seconds: u64,
    /// Others than agents hold so much.
    others: Bytes,
    told: Vec<(u64, Option<i32>, EventKind)>,
}

impl World {
    fn new() -> Self {
        Self { forecasts: ForecastTracker::new(), seconds: 0, others: Bytes::gib(1), told: Vec::new() }
    }

    fn look(&mut self, agents: Vec<AgentSample>) {
        let held: Charge = agents.iter().map(|agent| agent.charge).sum();
        let guest = guest_with(Bytes::gib(16).saturating_sub(self.others + held.total()));
        let at = Boottime::new(Duration::from_secs(self.seconds));
        let snapshot = Snapshot { at, guest, agents, ..Snapshot::default() };
        for event in self.forecasts.observe(&snapshot, THRESHOLDS).into_iter().flatten() {
            let pid = event.agent.map(|agent| agent.root.pid.get());
            self.told.push((self.seconds / 60, pid, event.kind));
        }
        self.seconds += 10;
    }

    fn run(&mut self, minutes: u64, agents: impl Fn(u64) -> Vec<AgentSample>) {
        let begun = self.seconds;
        while self.seconds < begun + minutes * 60 {
            self.look(agents((self.seconds - begun) / 10));
        }
    }

    fn foretold(&self) -> Vec<(Option<i32>, ForecastAlert)> {
        let of = |(_, pid, kind): &(u64, Option<i32>, EventKind)| match kind {
            EventKind::ForecastAlert(foretold) => Some((*pid, *foretold)),
            _ => None,
        };
        self.told.iter().filter_map(of).collect()
    }
}

/// So many MiB more each ten seconds.
fn leak(from: Bytes, mib: u64, looks: u64) -> Bytes {
    from + Bytes::mib(mib * looks)
}

#[test]
fn a_slow_leak_is_told_of_once_and_comes_true() {
    let mut world = World::new();
    // 1 GiB an hour to 8 GiB: 4 hours.
    world.run(235, |look| vec![agent(100, leak(Bytes::gib(4), 1024, look).share(1, 360) + Bytes::gib(4))]);
    let foretold = world.foretold();
    let [(Some(100), one)] = foretold.as_slice() else { panic!("{:?}", world.told) };
    assert_eq!((one.level, one.ceiling, one.limit), (ForecastLevel::Warn, Ceiling::KillThreshold, LINE));
    let (minute, ..) = world.told[0];
    let truth = Duration::from_mins(236_u64.saturating_sub(minute));
    assert!(one.between.0 <= truth && truth <= one.between.1, "{one:?}, in truth {truth:?}");
    assert!(truth >= Duration::from_mins(30), "told {truth:?} before");
    assert_eq!(world.forecasts.summary().level, ForecastLevel::Warn);
}

#[test]
fn what_stands_still_is_not_told_of() {
    let mut world = World::new();
    let saw = |look: u64| Bytes::gib(3) + Bytes::mib(10 * (look % 60));
    world.run(240, |look| vec![agent(100, saw(look)), agent(200, Bytes::gib(2))]);
    assert_eq!(world.told, []);
    assert_eq!(world.forecasts.summary(), ForecastSummary::default());
}

#[test]
fn a_runaway_child_is_told_of_and_its_end_ends_it() {
    let mut world = World::new();
    let calm = |_| vec![with(100, vec![member(100, &[], Bytes::gib(1))])];
    world.run(20, calm);
    let child = |look| member(101, &[100], leak(Bytes::mib(100), 150, look));
    world.run(5, |look| vec![with(100, vec![member(100, &[], Bytes::gib(1)), child(look)])]);
    let foretold = world.foretold();
    let levels: Vec<_> = foretold.iter().map(|(pid, foretold)| (*pid, foretold.level)).collect();
    assert_eq!(levels, [(Some(100), ForecastLevel::Runaway)], "{:?}", world.told);
    let outlook = world.forecasts.summary();
    assert_eq!(outlook.level, ForecastLevel::Runaway);
    // The part that does it is foretold, too, below what the rest of the agent leaves.
    let sight = &world.forecasts.agents[&key(100)];
    let part =
        sight.figures().find(|(series, _)| matches!(series.subject, SeriesSubject::Part { .. })).unwrap();
    assert!(part.1 > Bytes::gib(4), "{part:?}");
    world.run(2, calm);
    assert_eq!(
        world.told.last().map(|(.., kind)| kind),
        Some(&EventKind::ForecastCleared),
        "{:?}",
        world.told
    );
    assert_eq!(world.forecasts.summary().level, ForecastLevel::None);
    assert_eq!(world.told.len(), 2);
}

#[test]
fn a_child_that_ends_each_time_hides_no_leak_of_the_agent() {
    let mut world = World::new();
    // Each 12 minutes a build of 1 GiB in ten steps; the agent itself takes 1 GiB an hour.
    let build = |look: u64| (look % 72 < 10).then(|| member(500, &[100], Bytes::mib(100 * (look % 72))));
    let own = |look: u64| member(100, &[], Bytes::gib(4) + Bytes::mib(1024 * look / 360));
    world.run(215, |look| vec![with(100, std::iter::once(own(look)).chain(build(look)).collect())]);
    assert!(
        world
            .foretold()
            .iter()
            .any(|(pid, foretold)| *pid == Some(100) && foretold.level == ForecastLevel::Warn),
        "{:?}",
        world.told
    );
}

#[test]
fn two_that_fit_alone_and_not_together_are_told_of_as_the_guest() {
    let mut world = World::new();
    world.others = Bytes::gib(2);
    let one = |look: u64| Bytes::gib(2) + Bytes::mib(1200 * look / 360);
    world.run(200, |look| vec![agent(100, one(look)), agent(200, one(look))]);
    let foretold = world.foretold();
    assert!(!foretold.is_empty(), "{:?}", world.told);
    assert!(foretold.iter().all(|(_, foretold)| foretold.ceiling == Ceiling::Guest), "{foretold:?}");
}

#[test]
fn what_grows_outside_of_agents_is_told_of_the_guest() {
    let mut world = World::new();
    for look in 0..1150 {
        world.others = Bytes::gib(5) + Bytes::mib(2048 * look / 360);
        world.look(vec![agent(100, Bytes::gib(3))]);
    }
    let foretold = world.foretold();
    assert!(foretold.iter().any(|(pid, _)| pid.is_none()), "{:?}", world.told);
    assert!(foretold.iter().all(|(_, foretold)| foretold.ceiling == Ceiling::Guest), "{foretold:?}");
}

#[test]
fn a_heap_has_a_limit_of_its_own() {
    let mut world = World::new();
    let node = |look: u64| Member {
        heap_limit: Some(Bytes::gib(4)),
        ..member(100, &[], Bytes::gib(2) + Bytes::mib(1024 * look / 360))
    };
    world.run(110, |look| vec![with(100, vec![node(look)])]);
    let foretold = world.foretold();
    let [(Some(100), one)] = foretold.as_slice() else { panic!("{:?}", world.told) };
    assert_eq!((one.ceiling, one.limit), (Ceiling::Heap, Bytes::gib(4)));
    // What goes beyond is not in the heap, and then the heap's limit says nothing.
    world.run(10, |_| {
        vec![with(100, vec![Member { heap_limit: Some(Bytes::gib(4)), ..member(100, &[], Bytes::gib(5)) }])]
    });
    assert!(world.forecasts.agents[&key(100)].level() < ForecastLevel::Warn, "{:?}", world.told);
}

#[test]
fn who_is_gone_leaves_nothing_and_many_are_bounded() {
    let mut world = World::new();
    world.run(2, |_| (1..=150).map(|pid| agent(pid, Bytes::mib(100))).collect());
    assert_eq!(world.forecasts.agents.len(), AGENTS);
    assert_eq!(world.forecasts.figures().len(), AGENTS + 1);
    world.run(1, |_| Vec::new());
    assert!(world.forecasts.agents.is_empty());
}

#[test]
fn looks_that_follow_at_once_add_nothing() {
    let mut forecasts = ForecastTracker::new();
    let at = |millis| Snapshot {
        at: Boottime::new(Duration::from_millis(millis)),
        guest: guest_with(Bytes::gib(8)),
        agents: vec![agent(100, Bytes::mib(millis))],
        ..Snapshot::default()
    };
    forecasts.observe(&at(1000), THRESHOLDS);
    assert_eq!(forecasts.observe(&at(1100), THRESHOLDS), None);
    assert_eq!(forecasts.figures()[1].1, Bytes::mib(1000));
    forecasts.observe(&at(2000), THRESHOLDS);
    assert_eq!(forecasts.figures()[1].1, Bytes::mib(2000));
}

/// The same leak, with a restart of the supervisor in the middle of its alarm.
#[test]
fn after_a_restart_it_goes_on_from_what_was_recorded() {
    let leak = |look: u64| agent(100, Bytes::gib(4) + Bytes::mib(1024 * look / 360));
    let mut world = World::new();
    world.run(200, |look| vec![leak(look)]);
    assert_eq!(world.foretold().len(), 1, "{:?}", world.told);

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
    let charge = |look: u64| leak(look).charge.total();
    let guest = |look: u64| Bytes::gib(1) + leak(look).charge.total();
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
    let mut again = World { seconds: world.seconds, ..World::new() };
    let at = Boottime::new(Duration::from_secs(again.seconds));
    let snapshot =
        Snapshot { at, guest: guest_with(Bytes::gib(8)), agents: vec![leak(1200)], ..Snapshot::default() };
    // A guest that is as full: of that the agent's alarm told.
    let mut full = World { seconds: world.seconds, ..World::new() };
    let mut crowded = history.clone();
    crowded.series[0].points = minutes(&|look| Bytes::mib(8000) + charge(look));
    let shown = Snapshot { guest: guest_with(Bytes::gib(1)), ..snapshot.clone() };
    full.forecasts.seed(&crowded, &shown, THRESHOLDS);
    assert_eq!(full.forecasts.guest.told, ForecastLevel::Warn);
    assert!(!full.forecasts.guest.was_told());

    again.forecasts.seed(&history, &snapshot, THRESHOLDS);
    assert_eq!(again.forecasts.agents.len(), 1, "who is gone is not recalled");
    again.run(20, |look| vec![leak(1200 + look)]);
    assert_eq!(again.told, [], "it was told before");
    assert_eq!(again.forecasts.summary().level, ForecastLevel::Warn);
    let before = world.forecasts.agents[&key(100)].own_forecast();
    let after = again.forecasts.agents[&key(100)].own_forecast();
    assert_eq!(after.reason.split(',').next(), before.reason.split(',').next());
    // What was recorded before the boot is none of this guest's, nor what was by another clock.
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
    // An agent that has begun since, under the same pid, has no such past.
    let mut anew = World { seconds: world.seconds, ..World::new() };
    let mut begun = leak(1200);
    begun.agent.root.start_ticks = again.seconds * 100;
    anew.forecasts.seed(&history, &Snapshot { agents: vec![begun], ..snapshot }, THRESHOLDS);
    assert_eq!(anew.forecasts.agents.values().next().unwrap().level(), ForecastLevel::None);
}

/// The guest fills as its agent leaks, and is told of by nobody: neither then nor when the leak was ended.
#[test]
fn an_agents_leak_is_not_told_of_the_guest_when_it_ends() {
    let mut world = World::new();
    world.others = Bytes::mib(7700);
    let calm = || member(100, &[], Bytes::gib(1));
    let leak = |look: u64| member(101, &[100], Bytes::gib(3) + Bytes::mib(1024 * look / 360));
    world.run(200, |look| vec![with(100, vec![calm(), leak(look)])]);
    assert_eq!(world.forecasts.guest.forecaster.level(), ForecastLevel::Warn, "it stands, told by the agent");
    // Not just before the trend is asked again.
    (1200..1203).for_each(|look| world.look(vec![with(100, vec![calm(), leak(look)])]));
    world.run(30, |_| vec![with(100, vec![calm()])]);
    let told: Vec<_> =
        world.told.iter().map(|(_, pid, kind)| (*pid, kind == &EventKind::ForecastCleared)).collect();
    assert_eq!(told, [(Some(100), false), (Some(100), true)], "{:?}", world.told);
    assert_eq!(world.forecasts.summary(), ForecastSummary::default());
}

#[test]
fn a_part_stands_where_it_is_and_makes_room_when_it_is_small() {
    let mut world = World::new();
    let parts = |world: &World| -> Vec<(i32, u64)> {
        let of = |(series, value): (Arc<Series>, Bytes)| match series.subject {
            SeriesSubject::Part { top, .. } => Some((top.pid.get(), value.get() >> 20)),
            _ => None,
        };
        let mut parts: Vec<_> = world.forecasts.figures().into_iter().filter_map(of).collect();
        parts.sort_unstable();
        parts
    };
    let with_helpers = |mib: u64, more: Vec<Member>| {
        let helpers = (101..=106).map(|pid| member(pid, &[100], Bytes::mib(mib)));
        let all = std::iter::once(member(100, &[], Bytes::mib(5))).chain(helpers).chain(more);
        vec![with(100, all.collect())]
    };
    // Two looks, since three at a time are taken up.
    for large in [101..=103, 104..=106] {
        let mut agents = with_helpers(100, Vec::new());
        let grown = |member: &&mut Member| large.contains(&member.key.pid.get());
        agents[0].members.iter_mut().filter(grown).for_each(|member| member.charge.anon = Bytes::mib(300));
        agents[0].charge = agents[0].members.iter().map(|member| member.charge).sum();
        world.look(agents);
    }
    assert_eq!(parts(&world).len(), 6);
    // They gave it back and live on: their figures are those of now.
    world.look(with_helpers(1, Vec::new()));
    assert!(parts(&world).iter().all(|(_, mib)| *mib == 1), "{:?}", parts(&world));
    world.look(with_helpers(1, vec![member(200, &[100], Bytes::gib(1))]));
    assert!(parts(&world).contains(&(200, 1024)), "{:?}", parts(&world));
}

#[test]
fn what_the_guest_does_by_itself_is_told_when_the_agents_part_is_over() {
    let mut sight = ForecastSeries::new(Ceiling::Guest, Bytes::gib(16));
    let at = |seconds| Boottime::new(Duration::from_secs(seconds));
    let mut last = 0;
    while sight.forecaster.level() < ForecastLevel::Warn {
        last += 10;
        sight.take(at(last), Bytes::gib(4) + Bytes::mib(2048 * last / 3600));
    }
    assert_eq!(sight.turn(at(last), true), None, "an agent tells it");
    assert_eq!(sight.turn(at(last + 60), false), None, "that is over, and this may be soon");
    assert!(matches!(sight.turn(at(last + 400), false), Some(Turn::ForecastAlert(_))), "it is not");
    assert_eq!(sight.turn(at(last + 410), false), None, "once");
}

/// Whoever recorded it told it at the first evaluation, a moment before it was started anew.
#[test]
fn an_alarm_that_has_just_been_told_is_not_told_again_after_a_restart() {
    let held = |minute: u64| Bytes::gib(4) + Bytes::mib(2048 * minute / 60);
    let point = |minute: u64| PointInfo {
        time: UnixSeconds(i64::try_from(minute * 60).unwrap()),
        seconds: 60,
        min: held(minute),
        mean: held(minute),
        max: held(minute + 1),
    };
    let at = |seconds| Boottime::new(Duration::from_secs(seconds));
    let then = |time: UnixSeconds| at(u64::try_from(time.0).unwrap());
    let recalled = |minutes: u64| {
        let mut sight = ForecastSeries::new(Ceiling::KillThreshold, Bytes::gib(16));
        let points: Vec<PointInfo> = (0..minutes).map(point).collect();
        sight.recall(&points, then, at(minutes * 60));
        sight
    };
    let stands = (1..600).find(|&n| recalled(n).forecaster.level() >= ForecastLevel::Warn).unwrap();
    let mut sight = recalled(stands + 2);
    assert_eq!(sight.turn(at((stands + 2) * 60), false), None);
}

#[test]
fn the_heaps_of_an_agent_are_bounded() {
    let mut world = World::new();
    let node = |pid| Member { heap_limit: Some(Bytes::mib(200)), ..member(pid, &[100], Bytes::mib(100)) };
    let all = || std::iter::once(member(100, &[], Bytes::mib(50))).chain((101..=150).map(node)).collect();
    world.look(vec![with(100, all())]);
    assert_eq!(world.forecasts.agents[&key(100)].heaps(), 8);
}

/// One thing is told in a look, and none of them is lost.
#[test]
fn the_end_of_each_heap_that_was_told_of_is_told() {
    let mut world = World::new();
    let node = |pid| Member { heap_limit: Some(Bytes::mib(200)), ..member(pid, &[100], Bytes::mib(150)) };
    let all = || vec![member(100, &[], Bytes::mib(50)), node(101), node(102), node(103)];
    world.look(vec![with(100, all())]);
    world.forecasts.agents.get_mut(&key(100)).unwrap().tell_heaps();
    for _ in 0..5 {
        world.look(vec![agent(100, Bytes::mib(50))]);
    }
    let told: Vec<_> = world.told.iter().map(|(_, pid, kind)| (*pid, kind)).collect();
    assert!(
        matches!(
            told[..],
            [
                (Some(100), EventKind::ForecastCleared),
                (Some(100), EventKind::ForecastCleared),
                (Some(100), EventKind::ForecastCleared)
            ]
        ),
        "{told:?}"
    );
}

#[test]
fn what_is_foretold_is_in_the_status_and_its_verdict() {
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
    let told = |forecasts: &ForecastTracker, verdict| {
        let mut status = StatusInfo { verdict, ..status() };
        forecasts.fill_in(&mut status);
        (status.verdict, status.guest.forecast.map(|forecast| forecast.level))
    };
    let mut world = World::new();
    assert_eq!(told(&world.forecasts, Verdict::Ok), (Verdict::Ok, Some(ForecastLevel::None)));
    for look in 0..1150 {
        world.others = Bytes::gib(8) + Bytes::mib(2048 * look / 360);
        world.look(Vec::new());
    }
    assert_eq!(told(&world.forecasts, Verdict::Ok), (Verdict::Warning, Some(ForecastLevel::Warn)));
    assert_eq!(told(&world.forecasts, Verdict::Critical).0, Verdict::Critical, "never down");
}

#[test]
fn a_guest_that_runs_away_is_let_off_when_what_filled_it_has_ended() {
    let mut world = World::new();
    let mut others = |mib: u64, looks: u64| {
        for look in 0..looks {
            world.others = Bytes::gib(2) + Bytes::mib(mib * look);
            world.look(Vec::new());
        }
        world.forecasts.summary()
    };
    assert_eq!(others(0, 120), ForecastSummary::default());
    let climbing = others(400, 20);
    assert_eq!(climbing.level, ForecastLevel::Runaway);
    assert!(climbing.climb.get() > 10 << 20, "{climbing:?}");
    assert_eq!(others(0, 1), ForecastSummary::default());
}

/// What empty zram is worth is a guess: it is no memory in use, and another guess is no growth.
#[test]
fn room_in_zram_is_not_in_use() {
    let mut guest = guest_with(Bytes::gib(12));
    let (before, all) = (guest.used(), capacity(&guest));
    (guest.swap_total, guest.swap_free, guest.swap_headroom) = (Bytes::gib(4), Bytes::gib(4), Bytes::gib(2));
    assert_eq!((guest.used(), capacity(&guest)), (before, all + Bytes::gib(2)));
    guest.swap_headroom = Bytes::gib(1);
    assert_eq!((guest.used(), capacity(&guest)), (before, all + Bytes::gib(1)));
}
