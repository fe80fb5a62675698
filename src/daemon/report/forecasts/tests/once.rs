//! One leak is reported once, however its ceiling changes, with current values.

use super::*;

/// An agent that grows by 1 GiB an hour, from 2 GiB on.
fn growing(step: u64) -> Vec<AgentSample> {
    vec![agent(100, Bytes::gib(2) + Bytes::mib(1024 * step / 360))]
}

#[test]
fn fluctuating_memory_of_other_processes_keeps_the_alert() {
    let mut world = World::new();
    for step in 0..1300_u64 {
        // Another program uses 1.2 GiB for four minutes of each ten.
        let busy = step > 700 && step % 60 < 24;
        world.others = Bytes::gib(9) + if busy { Bytes::mib(1200) } else { Bytes::ZERO };
        world.observe(growing(step));
    }
    let [(_, Some(100), EventKind::ForecastAlert(alert))] = world.events.as_slice() else {
        panic!("{:?}", world.events)
    };
    assert_eq!(alert.ceiling, Ceiling::Guest);
}

#[test]
fn a_permanently_raised_ceiling_clears_the_alert() {
    let mut world = World::new();
    world.others = Bytes::gib(10);
    world.run(190, growing);
    assert_eq!(world.events.len(), 1, "{:?}", world.events);
    world.others = Bytes::gib(2);
    world.run(8, |step| growing(1140 + step));
    assert_eq!(world.events.len(), 1, "the ceiling may drop again: {:?}", world.events);
    world.run(5, |step| growing(1188 + step));
    let [_, (_, Some(100), EventKind::ForecastCleared)] = world.events.as_slice() else {
        panic!("{:?}", world.events)
    };
}

/// Memory use by other processes counts at once, even changes too small for another evaluation.
#[test]
fn the_eta_follows_the_available_memory() {
    for (before, after) in [(10 * 1024, 10 * 1024 + 700), (10 * 1024 + 700, 10 * 1024)] {
        let mut world = World::new();
        for step in 0..1500_u64 {
            world.others = Bytes::mib(if step < 360 { before } else { after });
            let agents = growing(step);
            let used = world.others + agents[0].charge.total();
            let room = Bytes::gib(16).saturating_sub(used + guest_with(Bytes::ZERO).floor());
            if room < Bytes::mib(100) {
                break;
            }
            world.observe(agents);
            let forecast = world.forecasts.agents[&key(100)].own_forecast();
            assert_ne!(forecast.trend, "oom_predicted:0", "{room} are left");
            let ends_in = room.get() / (1 << 20) * 3600 / 1024;
            if let Some(eta) = forecast.eta_seconds.filter(|_| step > 800) {
                #[allow(clippy::cast_precision_loss)]
                let off = (eta - ends_in as f64).abs();
                assert!(off < 180.0, "forecast {eta} s, actually {ends_in} s");
            }
        }
        let of_agent = world.events.iter().filter(|(_, pid, _)| pid.is_some()).count();
        assert_eq!(of_agent, 1, "{:?}", world.events);
    }
}

/// The machine's trend is evaluated at other seconds of the minute than the agent's.
#[test]
fn the_machines_alert_waits_for_an_agents() {
    for later in 0..6 {
        let mut world = World::new();
        world.others = Bytes::gib(10);
        (0..6 + later).for_each(|_| world.observe(Vec::new()));
        world.run(200, growing);
        let pids: Vec<_> = world.events.iter().map(|(_, pid, _)| *pid).collect();
        assert_eq!(pids, [Some(100)], "{later}: {:?}", world.events);
    }
}

#[test]
fn a_heaps_alert_waits_for_its_agents() {
    for later in 0..6 {
        let mut world = World::new();
        // The agent is a single heap with the agent's limit, which qualifies for a forecast later than the agent.
        let node = |step: u64| Member {
            heap_limit: (step >= 6 + later).then_some(KILL_THRESHOLD),
            ..member(100, &[], Bytes::gib(4) + Bytes::mib(1024 * step / 360))
        };
        world.run(230, |step| vec![with(100, vec![node(step)])]);
        assert_eq!(world.events.len(), 1, "{later}: {:?}", world.events);
        let [(_, EventKind::ForecastAlert(alert))] = [(0, world.events[0].2.clone())] else {
            panic!("{:?}", world.events)
        };
        assert_eq!(alert.ceiling, Ceiling::KillThreshold, "{later}");
    }
}

#[test]
fn a_gap_between_samples_clears_no_alert() {
    let mut world = World::new();
    world.others = Bytes::gib(10);
    world.run(190, growing);
    assert_eq!(world.events.len(), 1, "{:?}", world.events);
    world.seconds += 11 * 60;
    world.run(5, |step| growing(1206 + step));
    assert_eq!(world.events.len(), 1, "{:?}", world.events);
}
