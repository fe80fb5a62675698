//! One leak is told once, whatever others do to its ceiling, and the figures are those of now.

use super::*;

/// An agent that takes 1 GiB an hour from 2 GiB on.
fn growing(look: u64) -> Vec<AgentSample> {
    vec![agent(100, Bytes::gib(2) + Bytes::mib(1024 * look / 360))]
}

#[test]
fn others_that_come_and_go_do_not_end_an_alarm() {
    let mut world = World::new();
    for look in 0..1300_u64 {
        // Another program takes 1.2 GiB for four minutes of each ten.
        let busy = look > 700 && look % 60 < 24;
        world.others = Bytes::gib(9) + if busy { Bytes::mib(1200) } else { Bytes::ZERO };
        world.look(growing(look));
    }
    let [(_, Some(100), EventKind::ForecastAlert(told))] = world.told.as_slice() else {
        panic!("{:?}", world.told)
    };
    assert_eq!(told.ceiling, Ceiling::Guest);
}

#[test]
fn a_ceiling_that_is_raised_for_good_ends_it() {
    let mut world = World::new();
    world.others = Bytes::gib(10);
    world.run(190, growing);
    assert_eq!(world.told.len(), 1, "{:?}", world.told);
    world.others = Bytes::gib(2);
    world.run(8, |look| growing(1140 + look));
    assert_eq!(world.told.len(), 1, "this may be a moment: {:?}", world.told);
    world.run(5, |look| growing(1188 + look));
    let [_, (_, Some(100), EventKind::ForecastCleared)] = world.told.as_slice() else {
        panic!("{:?}", world.told)
    };
}

/// What others took since counts at once, be it less than what is worth asking anew for.
#[test]
fn the_end_of_the_guests_memory_is_where_it_is_now() {
    for (before, after) in [(10 * 1024, 10 * 1024 + 700), (10 * 1024 + 700, 10 * 1024)] {
        let mut world = World::new();
        for look in 0..1500_u64 {
            world.others = Bytes::mib(if look < 360 { before } else { after });
            let agents = growing(look);
            let used = world.others + agents[0].charge.total();
            let room = Bytes::gib(16).saturating_sub(used + guest_with(Bytes::ZERO).floor());
            if room < Bytes::mib(100) {
                break;
            }
            world.look(agents);
            let forecast = world.forecasts.agents[&key(100)].own_forecast();
            assert_ne!(forecast.trend, "oom_predicted:0", "{room} are left");
            let ends_in = room.get() / (1 << 20) * 3600 / 1024;
            if let Some(eta) = forecast.eta_seconds.filter(|_| look > 800) {
                #[allow(clippy::cast_precision_loss)]
                let off = (eta - ends_in as f64).abs();
                assert!(off < 180.0, "{eta} s foretold, {ends_in} s left");
            }
        }
        let of_agent = world.told.iter().filter(|(_, pid, _)| pid.is_some()).count();
        assert_eq!(of_agent, 1, "{:?}", world.told);
    }
}

/// The guest's trend is asked at other seconds of the minute than the agent's.
#[test]
fn the_guest_waits_whether_an_agent_tells_it() {
    for later in 0..6 {
        let mut world = World::new();
        world.others = Bytes::gib(10);
        (0..6 + later).for_each(|_| world.look(Vec::new()));
        world.run(200, growing);
        let pids: Vec<_> = world.told.iter().map(|(_, pid, _)| *pid).collect();
        assert_eq!(pids, [Some(100)], "{later}: {:?}", world.told);
    }
}

#[test]
fn a_heap_waits_whether_its_agent_tells_it() {
    for later in 0..6 {
        let mut world = World::new();
        // All of the agent is one heap, whose limit is the agent's; it is worth a forecast later than the agent.
        let node = |look: u64| Member {
            heap_limit: (look >= 6 + later).then_some(LINE),
            ..member(100, &[], Bytes::gib(4) + Bytes::mib(1024 * look / 360))
        };
        world.run(230, |look| vec![with(100, vec![node(look)])]);
        assert_eq!(world.told.len(), 1, "{later}: {:?}", world.told);
        let [(_, EventKind::ForecastAlert(told))] = [(0, world.told[0].2.clone())] else {
            panic!("{:?}", world.told)
        };
        assert_eq!(told.ceiling, Ceiling::KillThreshold, "{later}");
    }
}

#[test]
fn where_nobody_looked_nothing_is_said_to_be_over() {
    let mut world = World::new();
    world.others = Bytes::gib(10);
    world.run(190, growing);
    assert_eq!(world.told.len(), 1, "{:?}", world.told);
    world.seconds += 11 * 60;
    world.run(5, |look| growing(1206 + look));
    assert_eq!(world.told.len(), 1, "{:?}", world.told);
}
