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
    queue: CommandQueue,
    sender: CommandSender,
    engine: Engine,
}

impl World {
    fn new() -> Self {
        let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
        let act = ActionSettings { grace: std::time::Duration::ZERO, ..ActionSettings::default() };
        let (sender, queue) = command_queue(Arc::new(Waker::new().unwrap()));
        Self { queue, sender, engine: Engine::new(thresholds, act, GuardSettings::default()) }
    }

    fn request_stop(&mut self, pid: i32) -> oneshot::Receiver<Result<ActionInfo, MethodError>> {
        let (reply, received) = oneshot::channel();
        let stop = Stop { agent: agent(pid), by: Uid::ROOT, reply };
        self.sender.send(LoopCommand::Stop(stop)).unwrap();
        let Some(LoopCommand::Stop(stop)) = self.queue.next() else { panic!("the command was sent") };
        self.queue.request_stop(stop, &mut self.engine);
        received
    }

    fn step(&mut self, is_pending: bool, events: &[Event]) {
        self.queue.reply_with(events, info, |_| is_pending);
    }
}

fn number(
    reply: &mut oneshot::Receiver<Result<ActionInfo, MethodError>>,
) -> Option<Result<String, MethodError>> {
    reply.try_recv().ok().map(|result| result.map(|info| info.id))
}

const REQUESTED: Cause = Cause::Request { by: Uid::ROOT };

#[test]
fn a_client_gets_its_reply_when_the_agent_has_exited() {
    let mut world = World::new();
    let mut reply = world.request_stop(1);
    assert!(world.engine.is_requested(agent(1).root));
    // A child was over the threshold; the requested stop comes next.
    world.step(true, &[event(1, acted(1, Cause::Threshold, false)), event(1, ended(1))]);
    world.step(true, &[event(1, EventKind::Failed { action: 2, why: Failure::Survivors(1) })]);
    assert_eq!(number(&mut reply), None);
    world.step(false, &[event(2, acted(3, REQUESTED, false)), event(1, acted(4, REQUESTED, false))]);
    world.step(false, &[event(2, ended(3))]);
    assert_eq!(number(&mut reply), None);
    let mut second = world.request_stop(1);
    world.step(false, &[event(1, ended(4))]);
    assert_eq!(number(&mut reply), Some(Ok("4".to_owned())));
    assert_eq!(number(&mut second), Some(Ok("4".to_owned())), "a second client waits for the same stop");
    assert!(world.queue.waiting.is_empty());
}

#[test]
fn a_dry_run_replies_at_once() {
    let mut world = World::new();
    let mut reply = world.request_stop(1);
    world.step(false, &[event(1, acted(1, REQUESTED, true))]);
    assert_eq!(number(&mut reply), Some(Ok("1".to_owned())));
}

#[test]
fn a_protected_or_exited_agent_is_an_error() {
    let mut world = World::new();
    let (mut protected, mut gone) = (world.request_stop(1), world.request_stop(2));
    world.step(false, &[event(1, EventKind::Failed { action: 1, why: Failure::Protected })]);
    let Some(Err(MethodError::NotStopped { agent, reason })) = number(&mut protected) else {
        panic!("the stop failed")
    };
    assert_eq!(agent, "claude-1");
    assert!(reason.contains("protected"), "{reason}");
    assert_eq!(number(&mut gone), Some(Err(MethodError::NoSuchAgent { agent: "claude-2".to_owned() })));
}

#[test]
fn disconnected_clients_are_dropped_and_a_full_queue_is_busy() {
    let mut world = World::new();
    drop(world.request_stop(1));
    world.step(true, &[]);
    assert!(world.queue.waiting.is_empty());
    let send = |world: &World| {
        let (reply, _) = oneshot::channel();
        world.sender.send(LoopCommand::Stop(Stop { agent: agent(1), by: Uid::ROOT, reply }))
    };
    let accepted = (0..100).filter(|_| send(&world).is_ok()).count();
    assert_eq!(accepted, QUEUE_CAPACITY);
    assert_eq!(send(&world), Err(MethodError::Busy {}));
    while world.queue.next().is_some() {}
    assert_eq!(send(&world), Ok(()));
}

/// In one step an action on the agent fails and the requested one begins.
#[test]
fn a_failure_of_another_action_is_not_the_reply() {
    let mut world = World::new();
    let mut reply = world.request_stop(1);
    let failed = event(1, EventKind::Failed { action: 1, why: Failure::Protected });
    world.step(false, &[failed, event(1, acted(2, REQUESTED, false))]);
    assert_eq!(number(&mut reply), None);
    world.step(false, &[event(1, ended(2))]);
    assert_eq!(number(&mut reply), Some(Ok("2".to_owned())));
}

#[test]
fn shutdown_drops_waiting_clients() {
    let mut world = World::new();
    let mut reply = world.request_stop(1);
    world.queue.close();
    assert!(matches!(reply.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    let (reply, _received) = oneshot::channel();
    let late = world.sender.send(LoopCommand::Stop(Stop { agent: agent(1), by: Uid::ROOT, reply }));
    assert_eq!(late, Err(MethodError::Busy {}));
}

/// The first client has left, and the agent has no visible process any more.
#[test]
fn a_second_client_gets_a_reply_after_the_first_left() {
    let mut world = World::new();
    drop(world.request_stop(1));
    world.step(false, &[event(1, acted(1, REQUESTED, false))]);
    assert!(world.queue.waiting.is_empty());
    let mut second = world.request_stop(1);
    world.step(false, &[]);
    assert_eq!(number(&mut second), None, "still being stopped");
    world.step(false, &[event(1, ended(1))]);
    assert_eq!(number(&mut second), Some(Ok("1".to_owned())));
}

#[test]
fn a_request_just_after_the_stop_gets_its_result() {
    let mut world = World::new();
    let mut first = world.request_stop(1);
    world.step(false, &[event(1, acted(1, REQUESTED, false))]);
    world.step(false, &[event(1, ended(1))]);
    let mut second = world.request_stop(1);
    world.step(false, &[]);
    assert_eq!(number(&mut first), Some(Ok("1".to_owned())));
    assert_eq!(number(&mut second), Some(Ok("1".to_owned())));
}

/// The agent was over its threshold at the time of the request: that action is the requested stop.
#[test]
fn a_request_during_a_threshold_action_gets_its_result() {
    let mut world = World::new();
    world.step(false, &[event(1, acted(1, Cause::Threshold, false))]);
    let mut reply = world.request_stop(1);
    world.step(true, &[]);
    world.step(false, &[]);
    assert_eq!(number(&mut reply), None, "its memory is not freed yet");
    world.step(false, &[event(1, ended(1))]);
    assert_eq!(number(&mut reply), Some(Ok("1".to_owned())));
}

#[test]
fn a_failed_stop_can_be_requested_again() {
    let mut world = World::new();
    let mut first = world.request_stop(1);
    world.step(false, &[event(1, acted(1, REQUESTED, false))]);
    world.step(false, &[event(1, EventKind::Failed { action: 1, why: Failure::Survivors(1) })]);
    assert!(matches!(number(&mut first), Some(Err(MethodError::NotStopped { .. }))));
    let mut second = world.request_stop(1);
    world.step(false, &[event(1, acted(2, REQUESTED, false))]);
    world.step(false, &[event(1, ended(2))]);
    assert_eq!(number(&mut second), Some(Ok("2".to_owned())));
}
