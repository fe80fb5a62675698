//! Commands to the loop that arrive over the socket: stop an agent, load another configuration.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::stops::Stops;
use super::waker::Waker;
use crate::api::status::ActionInfo;
use crate::daemon::config_load::LoadedConfig;
use crate::daemon::report::messages;
use crate::daemon::report::publisher::Publisher;
use crate::ipc::MethodError;
use crate::model::event::{Cause, EventKind};
use crate::model::{AgentRef, Event, Uid};
use crate::policy::Engine;

/// Commands that may wait for the loop. Each sample takes all of them.
const QUEUE_CAPACITY: usize = 16;

/// A command to the loop.
#[derive(Debug)]
pub(crate) enum LoopCommand {
    /// Stop an agent.
    Stop(Stop),
    /// Put another configuration into force.
    Reload(Box<LoadedConfig>, ReloadResponder),
}

/// Replies with configuration warnings once the new configuration is active.
pub(crate) type ReloadResponder = oneshot::Sender<Vec<String>>;

/// Stops an agent. The caller has checked that `by` may do so.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) agent: AgentRef,
    pub(crate) by: Uid,
    /// Receives the result when the agent has exited or could not be stopped.
    pub(crate) reply: oneshot::Sender<Result<ActionInfo, MethodError>>,
}

/// The socket's end of the queue.
#[derive(Clone, Debug)]
pub(crate) struct CommandSender {
    queue: mpsc::Sender<LoopCommand>,
    waker: Arc<Waker>,
    stopping: watch::Receiver<Vec<AgentRef>>,
}

/// The loop's end of the queue, with the clients that wait for a reply.
#[derive(Debug)]
pub(crate) struct CommandQueue {
    queue: mpsc::Receiver<LoopCommand>,
    waiting: Vec<WaitingClient>,
    /// Reloads that took effect in this iteration, with their warnings.
    reloads: Vec<(ReloadResponder, Vec<String>)>,
    stops: Stops,
    /// Agents that are being stopped. A second client may name one that has no visible process left.
    stopping: watch::Sender<Vec<AgentRef>>,
}

/// A client that waits for an agent to exit.
#[derive(Debug)]
struct WaitingClient {
    agent: AgentRef,
    /// The action, once it has begun.
    action: Option<u64>,
    reply: Option<oneshot::Sender<Result<ActionInfo, MethodError>>>,
}

/// Creates both ends. Each command wakes the loop.
pub(crate) fn command_queue(waker: Arc<Waker>) -> (CommandSender, CommandQueue) {
    let (queue, received) = mpsc::channel(QUEUE_CAPACITY);
    let stopping = watch::Sender::default();
    let sender = CommandSender { queue, waker, stopping: stopping.subscribe() };
    let queue = CommandQueue {
        queue: received,
        waiting: Vec::new(),
        reloads: Vec::new(),
        stops: Stops::default(),
        stopping,
    };
    (sender, queue)
}

impl CommandSender {
    /// Queues a command; never blocks.
    ///
    /// # Errors
    /// [`MethodError::Busy`] if the queue is full.
    pub(crate) fn send(&self, command: LoopCommand) -> Result<(), MethodError> {
        self.queue.try_send(command).map_err(|_| MethodError::Busy {})?;
        self.waker.request_sample();
        Ok(())
    }

    /// Requests a sample soon.
    pub(crate) fn request_sample(&self) {
        self.waker.request_sample();
    }

    /// The agent of that name that is being stopped.
    pub(crate) fn stopping(&self, name: &str) -> Option<AgentRef> {
        self.stopping.borrow().iter().find(|agent| agent.is_called(name)).cloned()
    }
}

impl CommandQueue {
    /// The next command, if there is one.
    pub(crate) fn next(&mut self) -> Option<LoopCommand> {
        self.queue.try_recv().ok()
    }

    /// Requests the stop from the policy and remembers the client.
    pub(crate) fn request_stop(&mut self, stop: Stop, engine: &mut Engine) {
        let Stop { agent, by, reply } = stop;
        let root = agent.root;
        // A second client waits for the action that the first one caused, even if the first one has left.
        let action = self.stops.requested(root);
        if action.is_none() && !engine.request(root, by) {
            let _ = reply.send(Err(MethodError::Busy {}));
            return;
        }
        self.waiting.push(WaitingClient { agent, action, reply: Some(reply) });
    }

    /// Remembers a reload that took effect; see [`Self::confirm_reloads`].
    pub(crate) fn confirm_later(&mut self, reply: ReloadResponder, warnings: Vec<String>) {
        self.reloads.push((reply, warnings));
    }

    /// Replies to the reloads, after the status that shows them was published.
    pub(crate) fn confirm_reloads(&mut self) {
        for (reply, warnings) in self.reloads.drain(..) {
            // The client may have left.
            let _ = reply.send(warnings);
        }
    }

    /// Refuses further commands and drops the waiting clients.
    pub(crate) fn close(&mut self) {
        self.queue.close();
        while self.queue.try_recv().is_ok() {}
        self.waiting.clear();
    }

    /// Replies to the clients of agents that have exited or cannot be stopped, after a step and its events.
    pub(crate) fn reply(&mut self, events: &[Event], publisher: &Publisher, engine: &Engine) {
        let action_info = |action| publisher.action(action);
        self.reply_with(events, action_info, |root| engine.is_requested(root));
    }

    fn reply_with(
        &mut self,
        events: &[Event],
        action_info: impl Fn(u64) -> Option<ActionInfo>,
        is_requested: impl Fn(crate::model::ProcessKey) -> bool,
    ) {
        let has_changed = events.iter().fold(false, |changed, event| self.stops.observe(event) | changed);
        if has_changed {
            self.stopping.send_replace(self.stops.in_progress());
        }
        for client in &mut self.waiting {
            let root = client.agent.root;
            let is_pending = is_requested(root);
            let own = events.iter().filter(|e| e.agent.as_ref().is_some_and(|agent| agent.root == root));
            // In one step another action on the agent may fail before this one begins.
            let has_begun = own.clone().any(|e| is_request(&e.kind));
            for event in own {
                client.observe(event, is_pending || has_begun, &action_info);
            }
            if client.action.is_none() && !is_pending {
                match self.stops.latest(root) {
                    // The agent was already being stopped at the time of the request: that stop counts.
                    Some(stop) if stop.is_over => client.finish(stop.action, &action_info),
                    Some(stop) => client.action = Some(stop.action),
                    None => {
                        let agent = client.agent.id.to_string();
                        client.send(Err(MethodError::NoSuchAgent { agent }));
                    }
                }
            }
        }
        self.waiting.retain(|client| client.reply.as_ref().is_some_and(|reply| !reply.is_closed()));
    }
}

fn is_request(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Acted(decision) if matches!(decision.cause, Cause::Request { .. }))
}

impl WaitingClient {
    fn observe(&mut self, event: &Event, is_pending: bool, action_info: &impl Fn(u64) -> Option<ActionInfo>) {
        match &event.kind {
            EventKind::Acted(decision) if is_request(&event.kind) => {
                self.action = Some(decision.action);
                if decision.dry_run {
                    self.finish(decision.action, action_info);
                }
            }
            EventKind::Ended { action, .. } if self.action == Some(*action) => {
                self.finish(*action, action_info);
            }
            // A request refused at once has no action of its own; the failure of another action of the agent does not count.
            EventKind::Failed { action, .. } if self.action.map_or(!is_pending, |own| own == *action) => {
                let agent = self.agent.id.to_string();
                self.send(Err(MethodError::NotStopped { agent, reason: messages::text(event) }));
            }
            _ => {}
        }
    }

    fn finish(&mut self, action: u64, action_info: &impl Fn(u64) -> Option<ActionInfo>) {
        let agent = self.agent.id.to_string();
        self.send(action_info(action).ok_or(MethodError::NoSuchAgent { agent }));
    }

    fn send(&mut self, result: Result<ActionInfo, MethodError>) {
        if let Some(reply) = self.reply.take() {
            // The client may have left.
            let _ = reply.send(result);
        }
    }
}

#[cfg(test)]
mod tests;
