//! Agents that are started again as soon as they are ended: a loop around them, or a unit with `Restart=always`.
//! Ending each at once, over and over, would help nobody.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{AgentSample, Boottime, Pid, ProcessKey, Uid};

/// So long the end of an agent is remembered; longer than the longest wait.
const MEMORY: Duration = Duration::from_mins(10);

/// So many rows of them.
const MOST: usize = 64;

/// Between the end of an agent and that of the one which follows it. Each one more doubles it.
const FIRST: Duration = Duration::from_secs(10);

/// But no longer than this.
const LONGEST: Duration = Duration::from_mins(5);

/// What makes one agent the follower of another: the same program, started for the same user by the same process; or in
/// the same cgroup, a unit's, where that starts everybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RestartKey {
    rule: String,
    uid: Uid,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Below(ProcessKey),
    In(PathBuf),
}

impl RestartKey {
    /// `None`: nothing tells whom it follows.
    fn of(sample: &AgentSample) -> Option<Self> {
        let unit = || sample.cgroup.as_ref().map(|cgroup| Place::In(cgroup.path.clone()));
        let place = sample.spawner.filter(|k| k.pid != Pid::INIT).map(Place::Below).or_else(unit)?;
        Some(Self { rule: sample.agent.rule.clone(), uid: sample.agent.uid, place })
    }
}

/// The agents that were ended whole, of late.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    rows: VecDeque<RestartHistory>,
}

/// Agents that followed one another.
#[derive(Debug)]
struct RestartHistory {
    kin: RestartKey,
    ended: u32,
    last: Boottime,
}

impl Restarts {
    /// An agent is being ended whole.
    pub(super) fn ended(&mut self, at: Boottime, agent: &AgentSample) {
        self.rows.retain(|row| at.since(row.last) < MEMORY);
        let Some(kin) = RestartKey::of(agent) else { return };
        if let Some(row) = self.rows.iter_mut().find(|row| row.kin == kin) {
            (row.ended, row.last) = (row.ended.saturating_add(1), at);
            return;
        }
        self.rows.push_back(RestartHistory { kin, ended: 1, last: at });
        if self.rows.len() > MOST {
            self.rows.pop_front();
        }
    }

    /// How many were ended that this one follows, and how long it is to be left alone still; `None`: not at all.
    pub(super) fn wait(&self, at: Boottime, agent: &AgentSample) -> Option<(u32, Duration)> {
        let kin = RestartKey::of(agent)?;
        let row = self.rows.iter().find(|row| row.kin == kin && has_followed(row, agent.agent.root))?;
        let since = at.since(row.last);
        let doubled = FIRST.saturating_mul(2u32.saturating_pow(row.ended - 1));
        let wait = doubled.min(LONGEST).saturating_sub(since);
        (since < MEMORY && wait > Duration::ZERO).then_some((row.ended, wait))
    }
}

/// It has started after the end of the one before: others of its kind may run beside that. Start times are in hundredths
/// of a second.
fn has_followed(row: &RestartHistory, root: ProcessKey) -> bool {
    Boottime::from_ticks(root.start_ticks.saturating_add(1)) >= row.last
}
