//! What is asked of the loop over the socket: an agent's end, another configuration.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::waker::Waker;
use crate::api::status::ActionInfo;
use crate::daemon::config_load::LoadedConfig;
use crate::daemon::control_loop::stops::Ends;
use crate::daemon::report::messages::Message;
use crate::ipc::MethodError;
use crate::model::event::{Cause, EventKind};
use crate::model::{AgentRef, Event, ProcessKey, Uid};
use crate::policy::Engine;

/// So many may wait for the loop, which takes all of them with each look.
const QUEUE: usize = 16;

/// Something that the loop is to do.
#[derive(Debug)]
pub(crate) enum Request {
    /// An agent is to end.
    Stop(Stop),
    /// Another configuration is to count.
    Reload(Box<LoadedConfig>, Reloaded),
}

/// Told when it counts, with what should be known about it.
pub(crate) type Reloaded = oneshot::Sender<Vec<String>>;

/// An agent that is to end. Whether `by` may ask for it was asked before.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) agent: AgentRef,
    pub(crate) by: Uid,
    /// Told when it has ended, or did not.
    pub(crate) answer: oneshot::Sender<Result<ActionInfo, MethodError>>,
}

/// The near end, for those who ask.
#[derive(Clone, Debug)]
pub(crate) struct CommandSender {
    queue: mpsc::Sender<Request>,
    calls: Arc<Waker>,
    ending: watch::Receiver<Vec<AgentRef>>,
}

/// The loop's end, with those who wait for an answer.
#[derive(Debug)]
pub(crate) struct CommandQueue {
    queue: mpsc::Receiver<Request>,
    waiting: Vec<Waiting>,
    ends: Ends,
    /// Who is ending, for those who ask: nothing of such an agent may be left to be seen.
    ending: watch::Sender<Vec<AgentRef>>,
}

#[derive(Debug)]
struct Waiting {
    agent: AgentRef,
    /// The action, once it has begun.
    action: Option<u64>,
    answer: Option<oneshot::Sender<Result<ActionInfo, MethodError>>>,
}

/// Both ends. Whatever is asked rings the loop.
pub(crate) fn requests(calls: Arc<Waker>) -> (CommandSender, CommandQueue) {
    let (queue, received) = mpsc::channel(QUEUE);
    let ending = watch::Sender::default();
    let requests = CommandSender { queue, calls, ending: ending.subscribe() };
    (requests, CommandQueue { queue: received, waiting: Vec::new(), ends: Ends::default(), ending })
}

impl CommandSender {
    /// Hands over a request; never waits.
    ///
    /// # Errors
    /// [`MethodError::Busy`] where too many wait already.
    pub(crate) fn send(&self, request: Request) -> Result<(), MethodError> {
        self.queue.try_send(request).map_err(|_| MethodError::Busy {})?;
        self.calls.ask();
        Ok(())
    }
}

impl CommandSender {
    /// A look is wanted soon.
    pub(crate) fn ring(&self) {
        self.calls.ask();
    }

    /// The agent of that name whose end has begun and is not told yet.
    pub(crate) fn ending(&self, name: &str) -> Option<AgentRef> {
        self.ending.borrow().iter().find(|agent| agent.is_called(name)).cloned()
    }
}

impl CommandQueue {
    /// The next request, where there is one.
    pub(crate) fn next(&mut self) -> Option<Request> {
        self.queue.try_recv().ok()
    }

    /// Passes on that an agent is to end, and remembers who waits for it.
    pub(crate) fn stop(&mut self, stop: Stop, engine: &mut Engine) {
        let Stop { agent, by, answer } = stop;
        let root = agent.root;
        // Who asks a second time waits for what the first one has begun, whoever waits for that still.
        let action = self.ends.asked_for(root);
        if action.is_none() && !engine.request(root, by) {
            let _ = answer.send(Err(MethodError::Busy {}));
            return;
        }
        self.waiting.push(Waiting { agent, action, answer: Some(answer) });
    }

    /// Nobody waits any longer, and nothing more is taken.
    pub(crate) fn close(&mut self) {
        self.queue.close();
        while self.queue.try_recv().is_ok() {}
        self.waiting.clear();
    }

    /// Answers those whose agents have come to an end, after a step and its events. `told` has what is known of an action.
    pub(crate) fn answer(
        &mut self,
        events: &[Event],
        told: impl Fn(u64) -> Option<ActionInfo>,
        is_requested: impl Fn(ProcessKey) -> bool,
    ) {
        let others = events.iter().fold(false, |others, event| self.ends.take_in(event) | others);
        if others {
            self.ending.send_replace(self.ends.under_way());
        }
        for waiting in &mut self.waiting {
            let root = waiting.agent.root;
            let pending = is_requested(root);
            let own = events.iter().filter(|e| e.agent.as_ref().is_some_and(|agent| agent.root == root));
            // In one step another action on it may have failed before this one was begun.
            let begun = own.clone().any(|e| is_request(&e.kind));
            for event in own {
                waiting.take_in(event, pending || begun, &told);
            }
            if waiting.action.is_none() && !pending {
                match self.ends.of(root) {
                    // It was ending when they asked: that is the end that they wanted.
                    Some(end) if end.is_over => waiting.finish(end.action, &told),
                    Some(end) => waiting.action = Some(end.action),
                    None => {
                        let agent = waiting.agent.id.to_string();
                        waiting.tell(Err(MethodError::NoSuchAgent { agent }));
                    }
                }
            }
        }
        self.waiting.retain(|w| w.answer.as_ref().is_some_and(|answer| !answer.is_closed()));
    }
}

fn is_request(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Acted(decision) if matches!(decision.cause, Cause::Request { .. }))
}

impl Waiting {
    fn take_in(&mut self, event: &Event, pending: bool, told: &impl Fn(u64) -> Option<ActionInfo>) {
        match &event.kind {
            EventKind::Acted(decision) if is_request(&event.kind) => {
                self.action = Some(decision.action);
                if decision.dry_run {
                    self.finish(decision.action, told);
                }
            }
            EventKind::Ended { action, .. } if self.action == Some(*action) => self.finish(*action, told),
            // Refused from the first, it has no action of its own; another one of the agent's is none of ours.
            EventKind::Failed { action, .. } if self.action.map_or(!pending, |own| own == *action) => {
                let agent = self.agent.id.to_string();
                self.tell(Err(MethodError::NotStopped { agent, reason: Message::of(event).text }));
            }
            _ => {}
        }
    }

    fn finish(&mut self, action: u64, told: &impl Fn(u64) -> Option<ActionInfo>) {
        let agent = self.agent.id.to_string();
        self.tell(told(action).ok_or(MethodError::NoSuchAgent { agent }));
    }

    fn tell(&mut self, answer: Result<ActionInfo, MethodError>) {
        if let Some(waits) = self.answer.take() {
            // Whoever asked may have left.
            let _ = waits.send(answer);
        }
    }
}

#[cfg(test)]
mod tests;
