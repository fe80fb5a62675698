//! A series in its stored form, under a number of its own.

use serde::{Deserialize, Serialize};

use crate::api::history::{SeriesInfo, SeriesKind};
use crate::model::series::{Series, SeriesSubject};
use crate::model::{Pid, ProcessKey, Uid};

/// Subject and name of a series. Process keys are valid in one boot only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredSeries {
    /// The boot id; empty for the machine, since its series continues across boots.
    boot: String,
    kind: SeriesKind,
    /// The agent's name; `guest`.
    id: String,
    /// The program of a part.
    name: Option<String>,
    uid: Uid,
    /// Pid and start of the agent's root, and of the top of a part.
    agent: Option<(Pid, u64)>,
    top: Option<(Pid, u64)>,
}

impl StoredSeries {
    /// `agent`: the name of the agent that a part belongs to.
    pub(super) fn new(series: &Series, agent: Option<&str>, boot: &str) -> Self {
        let process = |key: ProcessKey| Some((key.pid, key.start_ticks));
        let (kind, root, top) = match series.subject {
            SeriesSubject::Guest => (SeriesKind::Guest, None, None),
            SeriesSubject::Agent(root) => (SeriesKind::Agent, process(root), None),
            SeriesSubject::Part { agent, top } => (SeriesKind::Part, process(agent), process(top)),
        };
        let is_part = kind == SeriesKind::Part;
        Self {
            boot: if kind == SeriesKind::Guest { String::new() } else { boot.to_owned() },
            kind,
            id: if is_part { agent.unwrap_or_default().to_owned() } else { series.name.clone() },
            name: is_part.then(|| series.name.clone()),
            uid: series.uid,
            agent: root,
            top,
        }
    }

    /// Its subject, if it is of this boot.
    pub(super) fn subject(&self, boot: &str) -> Option<SeriesSubject> {
        let key = |(pid, start_ticks)| ProcessKey { pid, start_ticks };
        match self.kind {
            SeriesKind::Guest => Some(SeriesSubject::Guest),
            _ if self.boot != boot => None,
            SeriesKind::Agent => self.agent.map(key).map(SeriesSubject::Agent),
            SeriesKind::Part => Some(SeriesSubject::Part { agent: key(self.agent?), top: key(self.top?) }),
        }
    }

    pub(super) fn info(&self, boot: &str) -> SeriesInfo {
        SeriesInfo {
            kind: self.kind,
            id: self.id.clone(),
            name: self.name.clone(),
            pid: self.top.or(self.agent).map(|(pid, _)| pid),
            uid: self.uid,
            this_boot: self.kind == SeriesKind::Guest || self.boot == boot,
            points: Vec::new(),
        }
    }

    /// The machine, then agents by boot and start, parts after their agent.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        let start = |process: Option<(Pid, u64)>| process.map(|(pid, ticks)| (ticks, pid));
        (self.kind != SeriesKind::Guest, self.boot.clone(), start(self.agent), start(self.top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pid: i32) -> ProcessKey {
        ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 7 }
    }

    #[test]
    fn stored_process_keys_are_valid_in_their_boot_only() {
        let of = |subject, name: &str| Series { subject, name: name.into(), uid: Uid::new(1000) };
        let all = [
            of(SeriesSubject::Guest, "guest"),
            of(SeriesSubject::Agent(key(5)), "claude-5"),
            of(SeriesSubject::Part { agent: key(5), top: key(9) }, "node"),
        ];
        let stored: Vec<StoredSeries> =
            all.iter().map(|s| StoredSeries::new(s, Some("claude-5"), "b")).collect();
        for (stored, series) in stored.iter().zip(&all) {
            assert_eq!(stored.subject("b"), Some(series.subject));
            let text = serde_json::to_vec(stored).unwrap();
            assert_eq!(serde_json::from_slice::<StoredSeries>(&text).unwrap(), *stored);
        }
        let other = stored.iter().map(|s| s.subject("c")).collect::<Vec<_>>();
        assert_eq!(other, [Some(SeriesSubject::Guest), None, None]);
        let infos: Vec<SeriesInfo> = stored.iter().map(|s| s.info("c")).collect();
        assert_eq!(infos.iter().map(|i| i.this_boot).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!((infos[2].id.as_str(), infos[2].name.as_deref()), ("claude-5", Some("node")));
        assert_eq!(infos[2].pid, Pid::new(9));
        assert!(stored[0].rank() < stored[1].rank() && stored[1].rank() < stored[2].rank());
    }
}
