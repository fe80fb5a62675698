//! What runs away after something else has ended.

use super::*;

fn root() -> Member {
    member(100, &[], Bytes::gib(1))
}

fn levels(world: &World) -> Vec<(Option<i32>, ForecastLevel)> {
    world.foretold().iter().map(|(pid, foretold)| (*pid, foretold.level)).collect()
}

/// 16 MiB a second for 7 min.
fn runs_away(world: &mut World) {
    world.run(7, |look| vec![with(100, vec![root(), member(102, &[100], leak(Bytes::mib(100), 160, look))])]);
}

#[test]
fn a_child_that_ended_makes_nobody_blind() {
    for ended in [1, 9] {
        let mut world = World::new();
        world.run(30, |_| vec![with(100, vec![root(), member(101, &[100], Bytes::mib(700))])]);
        world.run(ended, |_| vec![with(100, vec![root()])]);
        runs_away(&mut world);
        assert_eq!(
            levels(&world),
            [(Some(100), ForecastLevel::Runaway)],
            "{ended} min after: {:?}",
            world.told
        );
    }
}

#[test]
fn a_busy_agent_whose_children_end_all_the_time_is_not_blind_either() {
    let mut world = World::new();
    // Each three minutes one of 450 MiB ends.
    let busy = |look: u64| (look % 18 < 9).then(|| member(101, &[100], Bytes::mib(450)));
    world.run(60, |look| vec![with(100, std::iter::once(root()).chain(busy(look)).collect())]);
    assert_eq!(world.told, []);
    runs_away(&mut world);
    assert_eq!(levels(&world), [(Some(100), ForecastLevel::Runaway)], "{:?}", world.told);
}

#[test]
fn the_guest_is_not_blind_after_something_large_has_ended() {
    let mut world = World::new();
    for look in 0..250_u64 {
        world.others = match look {
            0..200 => Bytes::gib(4),
            200..210 => Bytes::gib(2),
            _ => Bytes::gib(2) + Bytes::mib(300 * (look - 210)),
        };
        world.look(Vec::new());
    }
    assert_eq!(levels(&world), [(None, ForecastLevel::Runaway)], "{:?}", world.told);
}

/// Builds that climb as steeply, each a little further, and end.
#[test]
fn builds_that_end_are_no_runaways() {
    let mut world = World::new();
    let build = |look: u64| {
        let (nth, step) = (look / 60, look % 60);
        let most = Bytes::mib(2300 + 100 * nth);
        (step < 15).then(|| member(200 + i32::try_from(nth).unwrap(), &[100], most.share(step, 14)))
    };
    world.run(180, |look| vec![with(100, std::iter::once(root()).chain(build(look)).collect())]);
    assert_eq!(world.told, []);
}
