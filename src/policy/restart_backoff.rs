//! Agents that are started again as soon as they are ended: a loop around them, or a unit with `Restart=always`.
//! Ending each at once, over and over, would help nobody.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{AgentSample, Boottime, Pid, ProcessKey, Uid};

/// So long the end of an agent is remembered; longer than the longest wait.
const HISTORY_TIMEOUT: Duration = Duration::from_mins(10);

/// So many rows of them.
const MAX_HISTORIES: usize = 64;

/// Between the end of an agent and that of the one which follows it. Each one more doubles it.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);

/// But no longer than this.
const MAX_BACKOFF: Duration = Duration::from_mins(5);

/// What makes one agent the follower of another: the same program, started for the same user by the same process; or in
/// the same cgroup, a unit's, where that starts everybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RestartKey {
    rule: String,
    uid: Uid,
    spawner: Spawner,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Spawner {
    Process(ProcessKey),
    Cgroup(PathBuf),
}

impl RestartKey {
    /// `None`: nothing tells whom it follows.
    fn of(sample: &AgentSample) -> Option<Self> {
        let unit = || sample.cgroup.as_ref().map(|cgroup| Spawner::Cgroup(cgroup.path.clone()));
        let spawner = sample.spawner.filter(|k| k.pid != Pid::INIT).map(Spawner::Process).or_else(unit)?;
        Some(Self { rule: sample.agent.rule.clone(), uid: sample.agent.uid, spawner })
    }
}

/// The agents that were ended whole, of late.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    histories: VecDeque<RestartHistory>,
}

/// Agents that followed one another.
#[derive(Debug)]
struct RestartHistory {
    key: RestartKey,
    ended: u32,
    last: Boottime,
}

impl Restarts {
    /// An agent is being ended whole.
    pub(super) fn ended(&mut self, at: Boottime, agent: &AgentSample) {
        self.histories.retain(|history| at.since(history.last) < HISTORY_TIMEOUT);
        let Some(key) = RestartKey::of(agent) else { return };
        if let Some(history) = self.histories.iter_mut().find(|history| history.key == key) {
            (history.ended, history.last) = (history.ended.saturating_add(1), at);
            return;
        }
        self.histories.push_back(RestartHistory { key, ended: 1, last: at });
        if self.histories.len() > MAX_HISTORIES {
            self.histories.pop_front();
        }
    }

    /// How many were ended that this one follows, and how long it is to be left alone still; `None`: not at all.
    pub(super) fn wait(&self, at: Boottime, agent: &AgentSample) -> Option<(u32, Duration)> {
        let key = RestartKey::of(agent)?;
        let history = self
            .histories
            .iter()
            .find(|history| history.key == key && has_followed(history, agent.agent.root))?;
        let since = at.since(history.last);
        let doubled = FIRST_BACKOFF.saturating_mul(2u32.saturating_pow(history.ended - 1));
        let wait = doubled.min(MAX_BACKOFF).saturating_sub(since);
        (since < HISTORY_TIMEOUT && wait > Duration::ZERO).then_some((history.ended, wait))
    }
}

/// It has started after the end of the one before: others of its kind may run beside that. Start times are in hundredths
/// of a second.
fn has_followed(history: &RestartHistory, root: ProcessKey) -> bool {
    Boottime::from_ticks(root.start_ticks.saturating_add(1)) >= history.last
}
