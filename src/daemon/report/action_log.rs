//! The latest actions, as clients see them.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::messages::{seconds, text};
use crate::api::resume::Resume;
use crate::api::status::{ActionInfo, CulpritInfo};
use crate::model::event::{Culprit, EventKind};
use crate::model::{AgentRef, Bytes, Event, ProcessKey, Signal};

/// Actions that are remembered.
const MAX_ACTIONS: usize = 16;

/// The last actions, newest first.
#[derive(Debug, Default)]
pub(crate) struct ActionLog {
    /// Each with its number; kills by the kernel have none.
    actions: VecDeque<(Option<u64>, ActionInfo)>,
}

impl ActionLog {
    /// Records an event. `command` and `cwd` look up processes as last sampled: they may have exited.
    pub(crate) fn record(
        &mut self,
        event: &Event,
        command: impl Fn(ProcessKey) -> String,
        cwd: impl Fn() -> Option<String>,
    ) {
        match (&event.kind, &event.agent) {
            (EventKind::Acted(decision), Some(agent)) => {
                let culprit = culprit_info(&decision.culprit, command);
                let resume = decision.whole.then(|| resume(agent, cwd)).flatten();
                let time = Timestamp::now();
                let info = ActionInfo {
                    id: format!("{}-{}", time.as_second(), decision.action),
                    threshold: decision.threshold,
                    culprit: Some(culprit),
                    dry_run: decision.dry_run,
                    cause: decision.cause.name().to_owned(),
                    resume,
                    ..new_action(event, agent, time)
                };
                self.push(Some(decision.action), info);
            }
            (EventKind::KernelOom { lost, limit, .. }, Some(agent)) => {
                let time = Timestamp::now();
                let whole = lost.as_ref().is_none_or(|lost| lost.key == agent.root);
                let culprit = lost.as_ref().map(|lost| CulpritInfo {
                    pid: lost.key.pid,
                    charge: lost.charge,
                    command: Some(command(lost.key)),
                    forecast: None,
                });
                let number = lost.as_ref().map_or(agent.root.pid, |lost| lost.key.pid);
                let info = ActionInfo {
                    id: format!("{}-kernel-{number}", time.as_second()),
                    kind: "kernel_oom".to_owned(),
                    threshold: limit.unwrap_or_default(),
                    culprit,
                    cause: "kernel".to_owned(),
                    resume: whole.then(|| resume(agent, cwd)).flatten(),
                    ..new_action(event, agent, time)
                };
                self.push(None, info);
            }
            (EventKind::Signalled { action, signal, .. }, _) => self.update(*action, |info| {
                // Each signal once: SIGKILL is repeated for survivors.
                if info.signals.last().is_none_or(|last| last != signal.name()) {
                    info.signals.push(signal.name().to_owned());
                }
            }),
            (EventKind::Escalated { action, culprit, whole }, Some(agent)) => self.update(*action, |info| {
                info.culprit = Some(culprit_info(culprit, command));
                info.resume = whole.then(|| resume(agent, cwd)).flatten();
            }),
            (EventKind::Ended { action, freed, after, .. }, _) => self.update(*action, |info| {
                let how =
                    if info.signals.iter().any(|s| s == Signal::Kill.name()) { "killed" } else { "exited" };
                info.outcome = format!("{how} after {}, {freed} freed", seconds(*after));
            }),
            (EventKind::Failed { action, .. }, _) => {
                self.update(*action, |info| info.outcome = text(event));
            }
            _ => {}
        }
    }

    /// An action, if it is still remembered.
    pub(crate) fn action(&self, number: u64) -> Option<ActionInfo> {
        self.actions.iter().find(|(own, _)| *own == Some(number)).map(|(_, info)| info.clone())
    }

    /// The actions, newest first.
    pub(crate) fn actions(&self) -> Vec<ActionInfo> {
        self.actions.iter().map(|(_, info)| info.clone()).collect()
    }

    fn push(&mut self, number: Option<u64>, info: ActionInfo) {
        self.actions.push_front((number, info));
        self.actions.truncate(MAX_ACTIONS);
    }

    fn update(&mut self, action: u64, change: impl FnOnce(&mut ActionInfo)) {
        if let Some((_, info)) = self.actions.iter_mut().find(|(number, _)| *number == Some(action)) {
            change(info);
        }
    }
}

/// An action as it begins.
fn new_action(event: &Event, agent: &AgentRef, time: Timestamp) -> ActionInfo {
    ActionInfo {
        id: String::new(),
        time: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        kind: "act".to_owned(),
        agent: agent.id.to_string(),
        rule: agent.rule.clone(),
        pid: agent.root.pid,
        uid: agent.uid,
        charge: event.charge,
        threshold: Bytes::ZERO,
        culprit: None,
        signals: Vec::new(),
        dry_run: false,
        cause: String::new(),
        outcome: text(event),
        resume: None,
    }
}

fn culprit_info(culprit: &Culprit, command: impl Fn(ProcessKey) -> String) -> CulpritInfo {
    let command = Some(command(culprit.top));
    CulpritInfo { pid: culprit.top.pid, charge: culprit.charge, command, forecast: None }
}

/// How to resume the agent: its very session if that is known.
fn resume(agent: &AgentRef, cwd: impl Fn() -> Option<String>) -> Option<Resume> {
    let command = agent.resume_session.as_deref().or(agent.resume.as_deref())?;
    Some(Resume::new(command, cwd()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Bytes;
    use crate::model::event::{Cause, Decision, KilledProcess};
    use crate::model::testing::{self, key};

    #[test]
    fn an_escalated_action_shows_its_new_target() {
        let agent = AgentRef { resume: Some("claude --continue".to_owned()), ..testing::agent(7) };
        let part = Culprit { top: key(8), name: "make".to_owned(), charge: Bytes::gib(1), processes: 9 };
        let decision = Decision {
            cause: Cause::Threshold,
            grown: Bytes::ZERO,
            agents: 1,
            signal: Signal::Term,
            action: 1,
            threshold: Bytes::gib(13),
            shortfall: Bytes::gib(1),
            culprit: part.clone(),
            whole: false,
            processes: 9,
            grace: Duration::from_secs(10),
            dry_run: false,
        };
        let mut log = ActionLog::default();
        let mut record = |kind| {
            let event = Event { agent: Some(agent.clone()), charge: Bytes::gib(14), kind };
            log.record(&event, |key| format!("command of {}", key.pid), || Some("/work".to_owned()));
            let action = log.action(1).unwrap();
            (action.culprit.unwrap().command.unwrap(), action.resume)
        };
        assert_eq!(record(EventKind::Acted(decision)), ("command of 8".to_owned(), None));
        let all = Culprit { top: key(7), charge: Bytes::gib(14), ..part };
        let whole = record(EventKind::Escalated { action: 1, culprit: all, whole: true });
        let resume = Some(Resume::new("claude --continue", Some("/work".to_owned())));
        assert_eq!(whole, ("command of 7".to_owned(), resume));
    }

    #[test]
    fn kills_by_the_kernel_are_listed_beside_ours() {
        let mut log = ActionLog::default();
        let agent = AgentRef { resume: Some("claude --continue".into()), ..testing::agent(7) };
        let mut record = |key| {
            let lost = Some(KilledProcess { key, name: "node".into(), charge: Bytes::gib(1) });
            let kind = EventKind::KernelOom { kills: 1, lost, limit: Some(Bytes::gib(2)) };
            let event = Event { agent: Some(agent.clone()), charge: Bytes::gib(2), kind };
            log.record(&event, |_| "node leak.js".into(), || Some("/work".into()));
        };
        record(key(9));
        record(key(7));
        let [root, child] = log.actions().try_into().unwrap();
        assert_eq!(
            (root.kind.as_str(), root.cause.as_str(), root.threshold),
            ("kernel_oom", "kernel", Bytes::gib(2))
        );
        assert_eq!(root.resume.unwrap().shell, "cd /work && claude --continue");
        assert_eq!((child.resume, child.culprit.unwrap().command.as_deref()), (None, Some("node leak.js")));
        assert_ne!(root.id, child.id);
        assert!(log.action(0).is_none());
    }
}
