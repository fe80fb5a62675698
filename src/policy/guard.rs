//! The guest as a whole: whether it is running out of memory, and who took it.

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

/// What fills steadily is noticed so much earlier, so that there is time to end in order: Claude ends within 3 s of
/// its `TERM` (seen).
const TERM_HEADROOM: Duration = Duration::from_secs(3);

/// But never earlier than here: a build that peaks is no leak. systemd-oomd and earlyoom act at 10 %.
const TERM_HEADROOM_MAX_PERCENT: u64 = 10;

/// What fills fast is noticed so much earlier: two glances of 20 ms, and as much again for one that comes late.
const POLL_HEADROOM: Duration = Duration::from_millis(100);

/// An action should bring back this share of memory, or the next one follows at once.
const COMFORTABLE_PERCENT: u64 = 12;

/// And at least this much over the reserve, or it is not worth a process.
const MIN_RELEASE_PERCENT: u64 = 1;

/// Watches what the guest has left.
#[derive(Debug, Default)]
pub(super) struct Guard {
    pub(super) fill: FillRate,
    evidence: GrowthBaseline,
    thrashing: ThrashingDetector,
    reported: Option<NoActionReason>,
    /// What the user wants to be left.
    configured_reserve: Option<Bytes>,
}

/// What the guard makes of a danger.
pub(super) enum GuardDecision {
    /// These are to end.
    Act(Box<KillPlan>),
    /// Nobody is.
    Spare(NoActionReason),
}

/// Whom the guard ends, and why them.
pub(super) struct KillPlan {
    pub(super) tree: AgentTree,
    pub(super) choice: Choice,
    pub(super) shortfall: Bytes,
    /// What the family took since the guest was comfortable.
    pub(super) grown: Bytes,
}

/// A family that may have taken it.
struct Candidate {
    /// As far as it is within reach.
    tree: AgentTree,
    /// What all of it costs.
    charge: Bytes,
    /// By how much that has grown; no more than is within reach.
    grown: Bytes,
}

impl Guard {
    /// Goes by what the user wants to be left, where they said so.
    pub(super) fn keep(&mut self, reserve: Option<Bytes>) {
        self.configured_reserve = reserve;
    }

    /// What is to be left however slowly it goes.
    pub(super) fn least(&self, guest: &SystemMemory) -> Bytes {
        self.configured_reserve.unwrap_or_else(|| guest.reserve())
    }

    /// What should be left at the rate at which it goes.
    pub(super) fn reserve(&self, guest: &SystemMemory) -> Bytes {
        let most = guest.mem_total.share(TERM_HEADROOM_MAX_PERCENT, 100);
        let term_headroom = self.fill.sustained().during(TERM_HEADROOM).min(most);
        self.least(guest).max(term_headroom).max(self.fill.current().during(POLL_HEADROOM))
    }

    /// The danger that the figures of the guest alone show.
    pub(super) fn danger(&self, guest: &SystemMemory) -> Option<Danger> {
        let danger = Danger {
            left: guest.remaining(),
            reserve: self.reserve(guest),
            rate: self.fill.current().max(self.fill.sustained()),
            thrashing: false,
        };
        (danger.left < danger.reserve).then_some(danger)
    }

    /// Takes in a snapshot; the danger that it shows.
    pub(super) fn assess(&mut self, snapshot: &Snapshot) -> Option<Danger> {
        let guest = &snapshot.guest;
        let comfortable = guest.mem_available >= guest.mem_total.share(COMFORTABLE_PERCENT, 100);
        // What fills fast is a danger while much is left: nobody would have taken anything since.
        self.evidence.take(snapshot, comfortable && self.danger(guest).is_none());
        // The verdict is of the last half second; the memory may be back since.
        let low = guest.mem_available < self.least(guest);
        let thrashing = self.thrashing.take(snapshot, low) && low;
        self.danger(guest).or_else(|| {
            thrashing.then(|| Danger {
                left: guest.mem_available,
                reserve: self.least(guest),
                rate: self.fill.sustained(),
                thrashing: true,
            })
        })
    }

    /// Who took what is missing, and what of it ends the danger. Chosen is from what is `killable` of the same agents.
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
        let grown: Bytes = all.iter().map(|f| self.evidence.growth(&f.whole, f)).sum();
        if self.evidence.is_growth_outside_agents(snapshot, grown) {
            return GuardDecision::Spare(NoActionReason::Outside);
        }
        let total = snapshot.guest.mem_total;
        // Whoever took most of it lately; where that says nothing, the largest.
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
            // Half of a smaller one: a part of it that is the leak is found, one that is not is no help.
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

    /// By how much a family has grown in what is within reach: what cannot be ended makes the rest of it no more guilty.
    fn killable_growth(&self, reached: &AgentTree, all: &AgentTree) -> Bytes {
        let grown = self.evidence.growth(&all.whole, all);
        if reached.whole.members.len() == all.whole.members.len() {
            return grown;
        }
        grown.min(reached.whole.members.iter().map(|m| self.evidence.growth_of(m)).sum())
    }

    /// The smallest part that covers it, rather one that grew; else sub-agents, rather those; else all of it.
    fn choose(&self, tree: &AgentTree, shortfall: Bytes, grown: Bytes, is_significant: bool) -> Choice {
        let has_grown = |top: ProcessKey| {
            let within = tree.whole.members.iter().filter(|m| m.key == top || m.lineage.contains(&top));
            let growth: Bytes = within.map(|m| self.evidence.growth_of(m)).sum();
            is_significant && growth > Bytes::ZERO && growth + growth >= grown
        };
        let choice = choose(&tree.whole, shortfall, has_grown);
        let by_growth = |node: &super::agent_tree::AgentNode| {
            node.charge.saturating_sub(self.evidence.baseline(node.agent.root))
        };
        // What started several agents costs as much as they do, and few of them may be enough.
        let carries = tree.whole.member(choice.culprit.top).is_some_and(|m| m.is_ancestor_of_agent);
        let several = if choice.whole || carries { tree.sub_agents(shortfall, by_growth) } else { None };
        several.unwrap_or(choice)
    }

    /// Whether nobody was told yet that nobody is acted on, for this reason.
    pub(super) fn is_news(&mut self, why: NoActionReason) -> bool {
        let kind = std::mem::discriminant(&why);
        let news = self.reported.is_none_or(|reported| std::mem::discriminant(&reported) != kind);
        self.reported = Some(why);
        news
    }

    /// Whether a danger that was told of is over, clearly.
    pub(super) fn is_over(&mut self, guest: &SystemMemory) -> bool {
        let clearly = guest.remaining() >= self.reserve(guest).share(5, 4);
        let over = clearly && !self.thrashing.is_suspected() && self.reported.is_some();
        if over {
            self.reported = None;
        }
        over
    }

    /// Somebody is acted on: what was told is no longer true.
    pub(super) fn acts(&mut self) {
        self.reported = None;
    }

    /// A danger was told of, and stands.
    pub(super) fn is_standing(&self) -> bool {
        self.reported.is_some()
    }
}
