//! Agents that are restarted as soon as they are killed, by a loop around them or a unit with `Restart=always`. Killing
//! each at once, over and over, would help no one.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{AgentSample, Boottime, Pid, ProcessKey, Uid};

/// A killed agent is remembered for this long; longer than the longest backoff.
const HISTORY_TIMEOUT: Duration = Duration::from_mins(10);

/// Restart histories kept.
const MAX_HISTORIES: usize = 64;

/// Delay between the kill of an agent and that of its successor. It doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);

/// Upper bound of the delay.
const MAX_BACKOFF: Duration = Duration::from_mins(5);

/// Identifies the successor of an agent: the same program, started for the same user by the same process, or in the
/// same cgroup of a unit if a service manager starts it.
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
    /// Returns `None` if its predecessor cannot be determined.
    fn new(sample: &AgentSample) -> Option<Self> {
        let unit = || sample.cgroup.as_ref().map(|cgroup| Spawner::Cgroup(cgroup.path.clone()));
        let spawner = sample.spawner.filter(|k| k.pid != Pid::INIT).map(Spawner::Process).or_else(unit)?;
        Some(Self { rule: sample.agent.rule.clone(), uid: sample.agent.uid, spawner })
    }
}

/// The agents that were recently killed as a whole.
#[derive(Debug, Default)]
pub(super) struct RestartBackoffs {
    histories: VecDeque<RestartHistory>,
}

/// Agents that succeeded one another.
#[derive(Debug)]
struct RestartHistory {
    key: RestartKey,
    ended: u32,
    last: Boottime,
}

impl RestartBackoffs {
    /// An agent is being killed as a whole.
    pub(super) fn ended(&mut self, at: Boottime, agent: &AgentSample) {
        self.histories.retain(|history| at.since(history.last) < HISTORY_TIMEOUT);
        let Some(key) = RestartKey::new(agent) else { return };
        if let Some(history) = self.histories.iter_mut().find(|history| history.key == key) {
            (history.ended, history.last) = (history.ended.saturating_add(1), at);
            return;
        }
        self.histories.push_back(RestartHistory { key, ended: 1, last: at });
        if self.histories.len() > MAX_HISTORIES {
            self.histories.pop_front();
        }
    }

    /// The number of killed predecessors, and the remaining delay; `None` without delay.
    pub(super) fn wait(&self, at: Boottime, agent: &AgentSample) -> Option<(u32, Duration)> {
        let key = RestartKey::new(agent)?;
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

/// It started after the kill of its predecessor: others of its kind may run beside that. Start times are in hundredths
/// of a second.
fn has_followed(history: &RestartHistory, root: ProcessKey) -> bool {
    Boottime::from_ticks(root.start_ticks.saturating_add(1)) >= history.last
}
