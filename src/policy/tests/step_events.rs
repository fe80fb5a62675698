//! The order of a step's events, and the end of an agent.

use super::*;
use crate::model::Signal;

fn delivered(action: u64) -> EventKind {
    EventKind::Signalled { action, signal: Signal::Term, delivered: 1, gone: 0, refused: 0 }
}

#[test]
fn the_outcome_of_signals_follows_their_decision() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    let step = world.step();
    let charge = world.snapshot.agents[0].charge.total();
    assert_eq!(step.target.as_ref().map(|agent| agent.root), Some(key(100)));
    let events = step.into_events(Some(delivered(1)), &world.snapshot);
    let at = events.iter().position(|event| matches!(event.kind, EventKind::Acted(_))).unwrap();
    assert_eq!((&events[at + 1].kind, events[at + 1].charge), (&delivered(1), charge));
    assert_eq!(events.iter().filter(|event| matches!(event.kind, EventKind::Signalled { .. })).count(), 1);
}

#[test]
fn a_step_without_signals_keeps_its_events() {
    let mut world = World::new().agent(100, Bytes::gib(9));
    let step = world.step();
    let events = step.events.clone();
    assert_eq!(step.into_events(None, &world.snapshot), events);
}

#[test]
fn an_agent_with_a_running_root_is_unknown() {
    let mut world = World::new().agent(100, Bytes::mib(240)).agent(200, Bytes::mib(240));
    world.step();
    world.snapshot.agents.clear();
    world.snapshot.unmatched_roots.push(key(200));
    let mut events = reported(&world.step());
    events.sort();
    assert_eq!(events, ["gone", "unknown"]);
}
