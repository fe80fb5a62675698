//! Several agents, of any size, that fill a guest together: whoever is ended covers what is missing, or nobody is.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::event::{Cause, Danger, NoActionReason};

/// What one agent and each of its children hold, in MiB: before it fills, and then.
type Held = Vec<(u64, u64)>;

const TOTAL: Bytes = Bytes::gib(16);

/// Few large ones, or many of which none is enough.
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

/// The least that has to be free again, 1 % over the reserve.
fn least(danger: &Danger) -> Bytes {
    (danger.reserve + TOTAL.share(1, 100)).saturating_sub(danger.left)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_ended_covers_what_is_missing(agents in agents(), left in 0_u64..600, steps in 1_u64..8) {
        let mut world = world(&agents);
        world.step();
        let grown: u64 = agents.iter().flatten().map(|(_, now)| now).sum();
        // Others take the rest, so that so much is left at the end.
        let rest = (12_u64 << 10).saturating_sub(grown + left);
        for step in 1..=steps {
            world.elsewhere = Bytes::mib(rest * step / steps);
            for (number, held) in agents.iter().enumerate() {
                for ((before, now), pid) in held.iter().zip(pids(number)) {
                    let held = before + (now.max(before) - before) * step / steps;
                    world.grow(pid, Bytes::mib(held));
                }
            }
            let told = world.after(Duration::from_secs(1));
            let charge = |key: &ProcessKey| {
                let all = world.snapshot.agents.iter();
                all.filter_map(|a| a.member(*key)).map(|m| m.charge.total()).sum::<Bytes>()
            };
            for event in &told.events {
                match &event.kind {
                    EventKind::Acted(decision) => {
                        let Cause::Guard(danger) = &decision.cause else { continue };
                        let freed: Bytes = told.signals.iter().flat_map(|w| &w.targets).map(charge).sum();
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
            if told.signals.is_some() {
                return Ok(());
            }
        }
    }
}
