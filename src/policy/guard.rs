//! The machine as a whole: whether it runs out of memory, and which agents took it.

mod growth;
mod thrashing;

use std::cmp::Reverse;
use std::time::Duration;

use crate::model::event::{Danger, NoActionReason};
use crate::model::{AgentSample, Bytes, ProcessKey, Snapshot, SystemMemory};

use super::agent_tree::{AgentTree, agent_trees};
use super::fill_rate::FillRate;
use super::victim::{Choice, choose};
use growth::{GrowthBaseline, MIN_GROWTH_PERCENT};
use thrashing::ThrashingDetector;

/// Head start against a steady growth, so that SIGTERM is enough: Claude exits within 3 s of its `TERM` (seen).
const TERM_HEADROOM: Duration = Duration::from_secs(3);

/// Upper bound of that head start: a build at its peak is no leak. systemd-oomd and earlyoom act at 10 %.
const TERM_HEADROOM_MAX_PERCENT: u64 = 10;

/// Head start against a fast growth: two polls of 20 ms, and as much again for a late one.
const POLL_HEADROOM: Duration = Duration::from_millis(100);

/// An action should free memory up to this share; otherwise the next action follows at once.
const COMFORTABLE_PERCENT: u64 = 12;

/// An action must free at least this much above the reserve; otherwise it is not worth a process.
const MIN_RELEASE_PERCENT: u64 = 1;

/// Watches the remaining memory of the machine.
#[derive(Debug, Default)]
pub(super) struct Guard {
    pub(super) fill: FillRate,
    growth: GrowthBaseline,
    thrashing: ThrashingDetector,
    reported: Option<NoActionReason>,
    /// `guard.reserve`.
    configured_reserve: Option<Bytes>,
}

/// The decision on a danger.
pub(super) enum GuardDecision {
    /// Kill these processes.
    Act(Box<KillPlan>),
    /// No action.
    Spare(NoActionReason),
}

/// The processes to kill, and the reason.
pub(super) struct KillPlan {
    pub(super) tree: AgentTree,
    pub(super) choice: Choice,
    pub(super) shortfall: Bytes,
    /// Growth of the tree since memory was last comfortable.
    pub(super) grown: Bytes,
}

/// A tree that may have taken the memory.
struct Candidate {
    /// Its killable part.
    tree: AgentTree,
    /// Its charge, unkillable processes included.
    charge: Bytes,
    /// Its growth, at most that of the killable part.
    grown: Bytes,
}

impl Guard {
    /// Sets the reserve that the user configured.
    pub(super) fn set_reserve(&mut self, reserve: Option<Bytes>) {
        self.configured_reserve = reserve;
    }

    /// The reserve at the lowest fill rate.
    pub(super) fn least(&self, guest: &SystemMemory) -> Bytes {
        self.configured_reserve.unwrap_or_else(|| guest.reserve())
    }

    /// The reserve at the current fill rate.
    pub(super) fn reserve(&self, guest: &SystemMemory) -> Bytes {
        let most = guest.mem_total.share(TERM_HEADROOM_MAX_PERCENT, 100);
        let term_headroom = self.fill.sustained().during(TERM_HEADROOM).min(most);
        self.least(guest).max(term_headroom).max(self.fill.current().during(POLL_HEADROOM))
    }

    /// The danger according to the memory of the machine alone.
    pub(super) fn danger(&self, guest: &SystemMemory) -> Option<Danger> {
        let danger = Danger {
            left: guest.remaining(),
            reserve: self.reserve(guest),
            rate: self.fill.current().max(self.fill.sustained()),
            thrashing: false,
        };
        (danger.left < danger.reserve).then_some(danger)
    }

    /// Observes a snapshot. Returns its danger.
    pub(super) fn assess(&mut self, snapshot: &Snapshot) -> Option<Danger> {
        let guest = &snapshot.guest;
        let comfortable = guest.mem_available >= guest.mem_total.share(COMFORTABLE_PERCENT, 100);
        // A fast growth is a danger while much memory remains: with a baseline taken then, no agent would have grown.
        self.growth.observe(snapshot, comfortable && self.danger(guest).is_none());
        // The pressure covers the last half second; the memory may be back since.
        let low = guest.mem_available < self.least(guest);
        let thrashing = self.thrashing.observe(snapshot, low) && low;
        self.danger(guest).or_else(|| {
            thrashing.then(|| Danger {
                left: guest.mem_available,
                reserve: self.least(guest),
                rate: self.fill.sustained(),
                thrashing: true,
            })
        })
    }

    /// Decides which tree took the memory, and which part of it ends the danger. Only processes of `killable` are
    /// chosen.
    pub(super) fn decide(
        &self,
        snapshot: &Snapshot,
        killable: &[AgentSample],
        danger: &Danger,
    ) -> GuardDecision {
        let all = agent_trees(&snapshot.agents);
        if all.is_empty() {
            return GuardDecision::Spare(NoActionReason::NoAgents);
        }
        let grown: Bytes = all.iter().map(|f| self.growth.growth(&f.whole, f)).sum();
        if self.growth.is_growth_outside_agents(snapshot, grown) {
            return GuardDecision::Spare(NoActionReason::Outside);
        }
        let total = snapshot.guest.mem_total;
        // The tree that grew most; without significant growth the largest.
        let is_significant = grown >= total.share(MIN_GROWTH_PERCENT, 100);
        let mut candidates: Vec<Candidate> = agent_trees(killable)
            .into_iter()
            .zip(&all)
            .map(|(tree, all)| Candidate {
                grown: self.killable_growth(&tree, all),
                charge: all.whole.charge.total(),
                tree,
            })
            .collect();
        candidates.sort_by_key(|s| {
            let growth = if is_significant { s.grown } else { Bytes::ZERO };
            Reverse((growth, s.tree.whole.charge.total()))
        });
        let least = (danger.reserve + total.share(MIN_RELEASE_PERCENT, 100)).saturating_sub(danger.left);
        let comfortable = total.share(COMFORTABLE_PERCENT, 100).max(danger.reserve.share(3, 2));
        let wanted = comfortable.saturating_sub(danger.left).max(least);
        let mut no_action = NoActionReason::TooSmall { shortfall: least };
        for Candidate { tree, charge: all, grown } in candidates {
            let charge = tree.whole.charge.total();
            if charge < least {
                if all >= least {
                    no_action = NoActionReason::OutOfReach;
                }
                continue;
            }
            // Half of a smaller tree: this finds the leaking part, while any other part is too small to help.
            let shortfall = wanted.min(least.max(charge.share(1, 2)));
            let choice = self.choose(&tree, shortfall, grown, is_significant);
            if choice.targets.is_empty() {
                no_action = NoActionReason::OutOfReach;
                continue;
            }
            return GuardDecision::Act(Box::new(KillPlan { tree, choice, shortfall, grown }));
        }
        GuardDecision::Spare(no_action)
    }

    /// The growth of the killable part: an unkillable process does not make the rest more responsible.
    fn killable_growth(&self, reached: &AgentTree, all: &AgentTree) -> Bytes {
        let grown = self.growth.growth(&all.whole, all);
        if reached.whole.members.len() == all.whole.members.len() {
            return grown;
        }
        grown.min(reached.whole.members.iter().map(|m| self.growth.growth_of(m)).sum())
    }

    /// The smallest part that covers the shortfall, preferably one that grew; else sub-agents, preferably those; else
    /// all of it.
    fn choose(&self, tree: &AgentTree, shortfall: Bytes, grown: Bytes, is_significant: bool) -> Choice {
        let has_grown = |top: ProcessKey| {
            let within = tree.whole.members.iter().filter(|m| m.key == top || m.lineage.contains(&top));
            let growth: Bytes = within.map(|m| self.growth.growth_of(m)).sum();
            is_significant && growth > Bytes::ZERO && growth + growth >= grown
        };
        let choice = choose(&tree.whole, shortfall, has_grown);
        let by_growth = |node: &super::agent_tree::AgentNode| {
            node.charge.saturating_sub(self.growth.baseline(node.agent.root))
        };
        // A process that started several agents costs as much as all of them, and few of them may suffice.
        let carries = tree.whole.member(choice.culprit.top).is_some_and(|m| m.is_ancestor_of_agent);
        let several = if choice.whole || carries { tree.sub_agents(shortfall, by_growth) } else { None };
        several.unwrap_or(choice)
    }

    /// Records a reason for no action. Returns whether it differs from the last one reported.
    pub(super) fn record_no_action(&mut self, why: NoActionReason) -> bool {
        let kind = std::mem::discriminant(&why);
        let news = self.reported.is_none_or(|reported| std::mem::discriminant(&reported) != kind);
        self.reported = Some(why);
        news
    }

    /// Whether a reported danger is clearly over.
    pub(super) fn end_danger(&mut self, guest: &SystemMemory) -> bool {
        let clearly = guest.remaining() >= self.reserve(guest).share(5, 4);
        let over = clearly && !self.thrashing.is_suspected() && self.reported.is_some();
        if over {
            self.reported = None;
        }
        over
    }

    /// An action begins: the reported reason no longer applies.
    pub(super) fn begin_action(&mut self) {
        self.reported = None;
    }

    /// Whether a danger without action was reported and persists.
    pub(super) fn has_unresolved_danger(&self) -> bool {
        self.reported.is_some()
    }
}
