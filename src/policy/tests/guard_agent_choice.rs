//! Several agents of any size fill a machine together: the victim covers the shortfall, or there is none.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::event::{Cause, Danger, NoActionReason};

/// Memory of one agent and each of its children, in MiB: before and after the growth.
type Held = Vec<(u64, u64)>;

const TOTAL: Bytes = Bytes::gib(16);

/// A few large agents, or many of which none suffices.
fn agents() -> impl Strategy<Value = Vec<Held>> {
    let of = |most: u64| vec((0..most / 4, 0..most), 1..5);
    prop_oneof![vec(of(3000), 1..6), vec(of(600), 5..20), vec(of(100), 20..60)]
}

fn pids(agent: usize) -> impl Iterator<Item = i32> {
    let first = i32::try_from(agent + 1).unwrap() * 100;
    first..
}

fn world(agents: &[Held]) -> World {
    let mut world = World::new();
    world.snapshot.guest.mem_total = TOTAL;
    for (number, held) in agents.iter().enumerate() {
        let mut pids = pids(number);
        let root = pids.next().unwrap();
        world = world.agent(root, Bytes::mib(held[0].0));
        for ((before, _), pid) in held[1..].iter().zip(pids) {
            world.start(root, pid, "node", Bytes::mib(*before));
        }
    }
    world
}

/// The minimum to free: 1 % above the reserve.
fn least(danger: &Danger) -> Bytes {
    (danger.reserve + TOTAL.share(1, 100)).saturating_sub(danger.left)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_victim_covers_the_shortfall(agents in agents(), left in 0_u64..600, steps in 1_u64..8) {
        let mut world = world(&agents);
        world.step();
        let grown: u64 = agents.iter().flatten().map(|(_, now)| now).sum();
        // Processes outside agents take the rest, up to the wanted remainder.
        let rest = (12_u64 << 10).saturating_sub(grown + left);
        for step in 1..=steps {
            world.elsewhere = Bytes::mib(rest * step / steps);
            for (number, held) in agents.iter().enumerate() {
                for ((before, now), pid) in held.iter().zip(pids(number)) {
                    let held = before + (now.max(before) - before) * step / steps;
                    world.grow(pid, Bytes::mib(held));
                }
            }
            let reported = world.after(Duration::from_secs(1));
            let charge = |key: &ProcessKey| {
                let all = world.snapshot.agents.iter();
                all.filter_map(|a| a.member(*key)).map(|m| m.charge.total()).sum::<Bytes>()
            };
            for event in &reported.events {
                match &event.kind {
                    EventKind::Acted(decision) => {
                        let Cause::Guard(danger) = &decision.cause else { continue };
                        let freed: Bytes = reported.signals.iter().flat_map(|w| &w.targets).map(charge).sum();
                        prop_assert!(freed >= least(danger), "{freed} of {}", least(danger));
                        prop_assert!(freed >= decision.shortfall, "{freed} of {}", decision.shortfall);
                    }
                    EventKind::GuestInDanger { danger, why: NoActionReason::TooSmall { shortfall } } => {
                        prop_assert_eq!(*shortfall, least(danger));
                        let enough = |a: &AgentSample| a.charge.total() >= *shortfall;
                        prop_assert!(!world.snapshot.agents.iter().any(enough));
                    }
                    _ => {}
                }
            }
            if reported.signals.is_some() {
                return Ok(());
            }
        }
    }
}
