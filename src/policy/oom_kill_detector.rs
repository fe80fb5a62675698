//! Detects kills by the kernel's OOM killer from two snapshots.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::event::{EventKind, KilledProcess};
use crate::model::{AgentRef, AgentSample, Boottime, Bytes, Event, ProcessKey, Snapshot};

/// An OOM killer does not choose smaller processes, and most that exit are small.
const MIN_KILLED_CHARGE: Bytes = Bytes::mib(1);

/// The kernel counts a kill at once; the exit takes a moment, longer for a large process.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The state of the last sample.
#[derive(Debug, Default)]
pub(super) struct OomKillDetector {
    agents: HashMap<ProcessKey, KnownAgent>,
    /// Kills on the whole machine that were reported or are pending.
    kills: Option<u64>,
    unattributed: Vec<UnattributedKills>,
}

/// Kills with a victim that is not known yet.
#[derive(Debug)]
struct UnattributedKills {
    since: Boottime,
    /// The agent in whose own cgroup they were counted; `None`: no agent's cgroup counted them.
    root: Option<ProcessKey>,
    kills: u64,
}

#[derive(Debug)]
struct KnownAgent {
    agent: AgentRef,
    charge: Bytes,
    limit: Option<Bytes>,
    /// As counted by its own cgroup.
    kills: Option<u64>,
    members: HashMap<ProcessKey, (String, Bytes)>,
}

impl OomKillDetector {
    /// Observes a snapshot and reports kills by the kernel since the last one.
    pub(super) fn observe(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        let since = snapshot.at;
        let mut counted = 0;
        for sample in &snapshot.agents {
            let root = sample.agent.root;
            let before = self.agents.get(&root).and_then(|known| known.kills);
            let (Some(before), Some(own)) = (before, &sample.cgroup) else { continue };
            let kills = own.killed.saturating_sub(before);
            if kills > 0 {
                counted += kills;
                self.unattributed.push(UnattributedKills { since, root: Some(root), kills });
            }
        }
        // Read before the cgroups were: a kill in between is counted there, and included here the next time.
        let accounted = self.kills.map(|kills| kills + counted);
        self.kills = snapshot.oom_kills.max(accounted);
        if let (Some(now), Some(accounted)) = (snapshot.oom_kills, accounted)
            && now > accounted
        {
            self.unattributed.push(UnattributedKills { since, root: None, kills: now - accounted });
        }
        self.report(snapshot, events);
        self.agents = snapshot.agents.iter().map(|a| (a.agent.root, KnownAgent::new(a))).collect();
    }

    fn report(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        if self.unattributed.is_empty() {
            return;
        }
        let now: HashMap<ProcessKey, &AgentSample> =
            snapshot.agents.iter().map(|a| (a.agent.root, a)).collect();
        let mut unattributed = std::mem::take(&mut self.unattributed);
        unattributed.retain(|UnattributedKills { since, root, kills }| {
            let (known, largest_missing) = match root {
                Some(root) => {
                    let known = self.agents.get(root);
                    (known, known.and_then(|k| k.largest_missing(now.get(root).copied())))
                }
                None => self
                    .uncounted_loss(&now)
                    .map_or((None, None), |(known, largest_missing)| (Some(known), Some(largest_missing))),
            };
            if largest_missing.is_none() && snapshot.at.since(*since) < EXIT_TIMEOUT {
                return true;
            }
            events.push(Event {
                agent: known.map(|k| k.agent.clone()),
                charge: known.map_or_else(|| now.values().map(|a| a.charge.total()).sum(), |k| k.charge),
                kind: EventKind::KernelOom {
                    kills: *kills,
                    lost: largest_missing,
                    limit: known.and_then(|k| k.limit),
                },
            });
            false
        });
        self.unattributed = unattributed;
    }

    /// The largest missing process of an agent without a kill counter of its own.
    fn uncounted_loss(
        &self,
        now: &HashMap<ProcessKey, &AgentSample>,
    ) -> Option<(&KnownAgent, KilledProcess)> {
        let counted = |root| now.get(root).is_some_and(|a| a.cgroup.is_some());
        let oom_kills = self.agents.iter().filter(|(root, _)| !counted(*root));
        let oom_kills = oom_kills
            .filter_map(|(root, known)| Some((known, known.largest_missing(now.get(root).copied())?)));
        oom_kills.max_by_key(|(_, largest_missing)| largest_missing.charge)
    }
}

impl KnownAgent {
    fn new(sample: &AgentSample) -> Self {
        let members = sample.members.iter().map(|m| (m.key, (m.name.clone(), m.charge.total())));
        Self {
            agent: sample.agent.clone(),
            charge: sample.charge.total(),
            limit: sample.limit(),
            kills: sample.cgroup.as_ref().map(|own| own.killed),
            members: members.collect(),
        }
    }

    /// The largest of its processes that has exited.
    fn largest_missing(&self, now: Option<&AgentSample>) -> Option<KilledProcess> {
        let gone = self.members.iter().filter(|(key, _)| now.is_none_or(|a| a.member(**key).is_none()));
        let (key, (name, charge)) = gone.max_by_key(|(_, (_, charge))| *charge)?;
        (*charge >= MIN_KILLED_CHARGE).then(|| KilledProcess {
            key: *key,
            name: name.clone(),
            charge: *charge,
        })
    }
}
