//! Runaways that begin after another process has exited.

use super::*;

fn root() -> Member {
    member(100, &[], Bytes::gib(1))
}

fn levels(world: &World) -> Vec<(Option<i32>, ForecastLevel)> {
    world.alerts().iter().map(|(pid, alert)| (*pid, alert.level)).collect()
}

/// A child that grows by 16 MiB a second for 7 min.
fn run_away(world: &mut World) {
    world.run(7, |step| vec![with(100, vec![root(), member(102, &[100], leak(Bytes::mib(100), 160, step))])]);
}

#[test]
fn an_exited_child_does_not_hide_a_runaway() {
    for minutes in [1, 9] {
        let mut world = World::new();
        world.run(30, |_| vec![with(100, vec![root(), member(101, &[100], Bytes::mib(700))])]);
        world.run(minutes, |_| vec![with(100, vec![root()])]);
        run_away(&mut world);
        assert_eq!(
            levels(&world),
            [(Some(100), ForecastLevel::Runaway)],
            "{minutes} min later: {:?}",
            world.events
        );
    }
}

#[test]
fn frequently_exiting_children_do_not_hide_a_runaway() {
    let mut world = World::new();
    // A child of 450 MiB exits each three minutes.
    let busy = |step: u64| (step % 18 < 9).then(|| member(101, &[100], Bytes::mib(450)));
    world.run(60, |step| vec![with(100, std::iter::once(root()).chain(busy(step)).collect())]);
    assert_eq!(world.events, []);
    run_away(&mut world);
    assert_eq!(levels(&world), [(Some(100), ForecastLevel::Runaway)], "{:?}", world.events);
}

#[test]
fn a_large_exit_does_not_hide_the_machines_runaway() {
    let mut world = World::new();
    for step in 0..250_u64 {
        world.others = match step {
            0..200 => Bytes::gib(4),
            200..210 => Bytes::gib(2),
            _ => Bytes::gib(2) + Bytes::mib(300 * (step - 210)),
        };
        world.observe(Vec::new());
    }
    assert_eq!(levels(&world), [(None, ForecastLevel::Runaway)], "{:?}", world.events);
}

/// Builds that grow as fast, each a little further, and exit.
#[test]
fn builds_that_exit_are_no_runaways() {
    let mut world = World::new();
    let build = |step: u64| {
        let (nth, step) = (step / 60, step % 60);
        let peak = Bytes::mib(2300 + 100 * nth);
        (step < 15).then(|| member(200 + i32::try_from(nth).unwrap(), &[100], peak.share(step, 14)))
    };
    world.run(180, |step| vec![with(100, std::iter::once(root()).chain(build(step)).collect())]);
    assert_eq!(world.events, []);
}
