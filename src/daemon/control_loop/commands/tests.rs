use super::*;
use crate::model::event::{Culprit, Decision, Failure};
use crate::model::testing::agent;
use crate::model::{ActionSettings, Bytes, GuardSettings, Signal, Thresholds};

fn event(pid: i32, kind: EventKind) -> Event {
    Event { agent: Some(agent(pid)), charge: Bytes::ZERO, kind }
}

fn acted(action: u64, cause: Cause, dry_run: bool) -> EventKind {
    let culprit = Culprit { top: agent(1).root, name: "claude".into(), charge: Bytes::ZERO, processes: 1 };
    EventKind::Acted(Decision {
        action,
        cause,
        threshold: Bytes::ZERO,
        shortfall: Bytes::ZERO,
        grown: Bytes::ZERO,
        culprit,
        whole: true,
        processes: 1,
        agents: 1,
        signal: Signal::Term,
        grace: std::time::Duration::ZERO,
        dry_run,
    })
}

fn ended(action: u64) -> EventKind {
    let (freed, peak) = (Bytes::ZERO, Bytes::ZERO);
    EventKind::Ended { action, freed, peak, after: std::time::Duration::ZERO, back: true }
}

fn info(action: u64) -> Option<ActionInfo> {
    let info = serde_json::json!({
        "id": action.to_string(), "time": "", "kind": "act", "agent": "claude-1", "rule": "claude", "pid": 1, "uid": 1000,
        "charge": 0, "threshold": 0, "signals": [], "dry_run": false, "outcome": "",
    });
    serde_json::from_value(info).ok()
}

struct World {
    inbox: CommandQueue,
    requests: CommandSender,
    engine: Engine,
}

impl World {
    fn new() -> Self {
        let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
        let act =
            ActionSettings { dry_run: false, grace: std::time::Duration::ZERO, ..ActionSettings::default() };
        let (requests, inbox) = requests(Arc::new(Waker::new().unwrap()));
        Self { inbox, requests, engine: Engine::new(thresholds, act, GuardSettings::default()) }
    }

    fn ask(&mut self, pid: i32) -> oneshot::Receiver<Result<ActionInfo, MethodError>> {
        let (answer, answered) = oneshot::channel();
        let stop = Stop { agent: agent(pid), by: Uid::ROOT, answer };
        self.requests.send(Request::Stop(stop)).unwrap();
        let Some(Request::Stop(stop)) = self.inbox.next() else { panic!("it was sent") };
        self.inbox.stop(stop, &mut self.engine);
        answered
    }

    fn step(&mut self, pending: bool, events: &[Event]) {
        self.inbox.answer(events, info, |_| pending);
    }
}

fn number(
    answer: &mut oneshot::Receiver<Result<ActionInfo, MethodError>>,
) -> Option<Result<String, MethodError>> {
    answer.try_recv().ok().map(|told| told.map(|info| info.id))
}

const ASKED: Cause = Cause::Request { by: Uid::ROOT };

#[test]
fn who_asks_is_answered_when_it_has_ended_and_not_for_another_action() {
    let mut world = World::new();
    let mut answer = world.ask(1);
    assert!(world.engine.is_requested(agent(1).root));
    // Its child was over the line; what was asked for comes next.
    world.step(true, &[event(1, acted(1, Cause::Threshold, false)), event(1, ended(1))]);
    world.step(true, &[event(1, EventKind::Failed { action: 2, why: Failure::Survivors(1) })]);
    assert_eq!(number(&mut answer), None);
    world.step(false, &[event(2, acted(3, ASKED, false)), event(1, acted(4, ASKED, false))]);
    world.step(false, &[event(2, ended(3))]);
    assert_eq!(number(&mut answer), None);
    let mut second = world.ask(1);
    world.step(false, &[event(1, ended(4))]);
    assert_eq!(number(&mut answer), Some(Ok("4".to_owned())));
    assert_eq!(number(&mut second), Some(Ok("4".to_owned())), "who asks again waits for the same end");
    assert!(world.inbox.waiting.is_empty());
}

#[test]
fn a_dry_run_is_answered_at_once() {
    let mut world = World::new();
    let mut answer = world.ask(1);
    world.step(false, &[event(1, acted(1, ASKED, true))]);
    assert_eq!(number(&mut answer), Some(Ok("1".to_owned())));
}

#[test]
fn what_cannot_be_ended_or_has_ended_before_is_told_so() {
    let mut world = World::new();
    let (mut protected, mut gone) = (world.ask(1), world.ask(2));
    world.step(false, &[event(1, EventKind::Failed { action: 1, why: Failure::Protected })]);
    let Some(Err(MethodError::NotStopped { agent, reason })) = number(&mut protected) else {
        panic!("it failed")
    };
    assert_eq!(agent, "claude-1");
    assert!(reason.contains("protected"), "{reason}");
    assert_eq!(number(&mut gone), Some(Err(MethodError::NoSuchAgent { agent: "claude-2".to_owned() })));
}

#[test]
fn who_leaves_is_forgotten_and_too_many_are_turned_away() {
    let mut world = World::new();
    drop(world.ask(1));
    world.step(true, &[]);
    assert!(world.inbox.waiting.is_empty());
    let send = |world: &World| {
        let (answer, _) = oneshot::channel();
        world.requests.send(Request::Stop(Stop { agent: agent(1), by: Uid::ROOT, answer }))
    };
    let taken = (0..100).filter(|_| send(&world).is_ok()).count();
    assert_eq!(taken, QUEUE);
    assert_eq!(send(&world), Err(MethodError::Busy {}));
    while world.inbox.next().is_some() {}
    assert_eq!(send(&world), Ok(()));
}

/// One action on it fails and the one that was asked for begins, in one step.
#[test]
fn a_failure_of_another_action_is_no_answer_to_who_asked() {
    let mut world = World::new();
    let mut answer = world.ask(1);
    let failed = event(1, EventKind::Failed { action: 1, why: Failure::Protected });
    world.step(false, &[failed, event(1, acted(2, ASKED, false))]);
    assert_eq!(number(&mut answer), None);
    world.step(false, &[event(1, ended(2))]);
    assert_eq!(number(&mut answer), Some(Ok("2".to_owned())));
}

#[test]
fn when_the_supervisor_leaves_nobody_is_left_waiting() {
    let mut world = World::new();
    let mut answer = world.ask(1);
    world.inbox.close();
    assert!(matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    let (answer, _answered) = oneshot::channel();
    let late = world.requests.send(Request::Stop(Stop { agent: agent(1), by: Uid::ROOT, answer }));
    assert_eq!(late, Err(MethodError::Busy {}));
}

/// The first one to ask has left, and with the agent there is nothing left to ask about.
#[test]
fn who_asks_while_it_ends_is_answered_though_the_first_has_left() {
    let mut world = World::new();
    drop(world.ask(1));
    world.step(false, &[event(1, acted(1, ASKED, false))]);
    assert!(world.inbox.waiting.is_empty());
    let mut second = world.ask(1);
    world.step(false, &[]);
    assert_eq!(number(&mut second), None, "it is still ending");
    world.step(false, &[event(1, ended(1))]);
    assert_eq!(number(&mut second), Some(Ok("1".to_owned())));
}

#[test]
fn who_is_heard_a_moment_after_its_end_is_told_of_that() {
    let mut world = World::new();
    let mut first = world.ask(1);
    world.step(false, &[event(1, acted(1, ASKED, false))]);
    world.step(false, &[event(1, ended(1))]);
    let mut second = world.ask(1);
    world.step(false, &[]);
    assert_eq!(number(&mut first), Some(Ok("1".to_owned())));
    assert_eq!(number(&mut second), Some(Ok("1".to_owned())));
}

/// It was over its line already when somebody asked: that end is the one that they wanted.
#[test]
fn who_asks_while_it_ends_for_its_line_is_told_of_that_end() {
    let mut world = World::new();
    world.step(false, &[event(1, acted(1, Cause::Threshold, false))]);
    let mut answer = world.ask(1);
    world.step(true, &[]);
    world.step(false, &[]);
    assert_eq!(number(&mut answer), None, "its memory is not back");
    world.step(false, &[event(1, ended(1))]);
    assert_eq!(number(&mut answer), Some(Ok("1".to_owned())));
}

#[test]
fn after_a_failure_who_asks_again_has_it_tried_again() {
    let mut world = World::new();
    let mut first = world.ask(1);
    world.step(false, &[event(1, acted(1, ASKED, false))]);
    world.step(false, &[event(1, EventKind::Failed { action: 1, why: Failure::Survivors(1) })]);
    assert!(matches!(number(&mut first), Some(Err(MethodError::NotStopped { .. }))));
    let mut second = world.ask(1);
    world.step(false, &[event(1, acted(2, ASKED, false))]);
    world.step(false, &[event(1, ended(2))]);
    assert_eq!(number(&mut second), Some(Ok("2".to_owned())));
}
