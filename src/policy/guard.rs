//! The guest as a whole: whether it is running out of memory, and who took it.

mod growth;
mod thrashing;

use std::cmp::Reverse;
use std::time::Duration;

use crate::model::event::{Danger, NoActionReason};
use crate::model::{AgentSample, Bytes, ProcessKey, Snapshot, SystemMemory};

use super::agent_tree::{AgentTree, families};
use super::fill_rate::Fill;
use super::victim::{Choice, choose};
use growth::{Evidence, TELLING_PERCENT};
use thrashing::Thrashing;

/// What fills steadily is noticed so much earlier, so that there is time to end in order: Claude ends within 3 s of
/// its `TERM` (seen).
const POLITE: Duration = Duration::from_secs(3);

/// But never earlier than here: a build that peaks is no leak. systemd-oomd and earlyoom act at 10 %.
const POLITE_PERCENT: u64 = 10;

/// What fills fast is noticed so much earlier: two glances of 20 ms, and as much again for one that comes late.
const BLIND: Duration = Duration::from_millis(100);

/// An action should bring back this share of memory, or the next one follows at once.
const COMFORT_PERCENT: u64 = 12;

/// And at least this much over the reserve, or it is not worth a process.
const LEAST_PERCENT: u64 = 1;

/// Watches what the guest has left.
#[derive(Debug, Default)]
pub(super) struct Guard {
    pub(super) fill: Fill,
    evidence: Evidence,
    thrashing: Thrashing,
    told: Option<NoActionReason>,
    /// What the user wants to be left.
    kept: Option<Bytes>,
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
    pub(super) family: AgentTree,
    pub(super) choice: Choice,
    pub(super) shortfall: Bytes,
    /// What the family took since the guest was comfortable.
    pub(super) grown: Bytes,
}

/// A family that may have taken it.
struct Candidate {
    /// As far as it is within reach.
    family: AgentTree,
    /// What all of it costs.
    charge: Bytes,
    /// By how much that has grown; no more than is within reach.
    grown: Bytes,
}

impl Guard {
    /// Goes by what the user wants to be left, where they said so.
    pub(super) fn keep(&mut self, reserve: Option<Bytes>) {
        self.kept = reserve;
    }

    /// What is to be left however slowly it goes.
    pub(super) fn least(&self, guest: &SystemMemory) -> Bytes {
        self.kept.unwrap_or_else(|| guest.reserve())
    }

    /// What should be left at the rate at which it goes.
    pub(super) fn reserve(&self, guest: &SystemMemory) -> Bytes {
        let most = guest.mem_total.share(POLITE_PERCENT, 100);
        let polite = self.fill.lasting().during(POLITE).min(most);
        self.least(guest).max(polite).max(self.fill.now().during(BLIND))
    }

    /// The danger that the figures of the guest alone show.
    pub(super) fn danger(&self, guest: &SystemMemory) -> Option<Danger> {
        let danger = Danger {
            left: guest.remaining(),
            reserve: self.reserve(guest),
            rate: self.fill.now().max(self.fill.lasting()),
            thrashing: false,
        };
        (danger.left < danger.reserve).then_some(danger)
    }

    /// Takes in a snapshot; the danger that it shows.
    pub(super) fn assess(&mut self, snapshot: &Snapshot) -> Option<Danger> {
        let guest = &snapshot.guest;
        let comfortable = guest.mem_available >= guest.mem_total.share(COMFORT_PERCENT, 100);
        // What fills fast is a danger while much is left: nobody would have taken anything since.
        self.evidence.take(snapshot, comfortable && self.danger(guest).is_none());
        // The verdict is of the last half second; the memory may be back since.
        let low = guest.mem_available < self.least(guest);
        let thrashing = self.thrashing.take(snapshot, low) && low;
        self.danger(guest).or_else(|| {
            thrashing.then(|| Danger {
                left: guest.mem_available,
                reserve: self.least(guest),
                rate: self.fill.lasting(),
                thrashing: true,
            })
        })
    }

    /// Who took what is missing, and what of it ends the danger. Chosen is from what is `within_reach` of the same agents.
    pub(super) fn judge(
        &self,
        snapshot: &Snapshot,
        within_reach: &[AgentSample],
        danger: &Danger,
    ) -> GuardDecision {
        let all = families(&snapshot.agents);
        if all.is_empty() {
            return GuardDecision::Spare(NoActionReason::NoAgents);
        }
        let grown: Bytes = all.iter().map(|f| self.evidence.growth(&f.whole, f)).sum();
        if self.evidence.speaks_of_others(snapshot, grown) {
            return GuardDecision::Spare(NoActionReason::Outside);
        }
        let total = snapshot.guest.mem_total;
        // Whoever took most of it lately; where that says nothing, the largest.
        let is_telling = grown >= total.share(TELLING_PERCENT, 100);
        let mut suspects: Vec<Candidate> = families(within_reach)
            .into_iter()
            .zip(&all)
            .map(|(family, all)| Candidate {
                grown: self.grown_within_reach(&family, all),
                charge: all.whole.charge.total(),
                family,
            })
            .collect();
        suspects.sort_by_key(|s| {
            let growth = if is_telling { s.grown } else { Bytes::ZERO };
            Reverse((growth, s.family.whole.charge.total()))
        });
        let least = (danger.reserve + total.share(LEAST_PERCENT, 100)).saturating_sub(danger.left);
        let comfort = total.share(COMFORT_PERCENT, 100).max(danger.reserve.share(3, 2));
        let wanted = comfort.saturating_sub(danger.left).max(least);
        let mut spared = NoActionReason::TooSmall { shortfall: least };
        for Candidate { family, charge: all, grown } in suspects {
            let charge = family.whole.charge.total();
            if charge < least {
                if all >= least {
                    spared = NoActionReason::OutOfReach;
                }
                continue;
            }
            // Half of a smaller one: a part of it that is the leak is found, one that is not is no help.
            let shortfall = wanted.min(least.max(charge.share(1, 2)));
            let choice = self.choose(&family, shortfall, grown, is_telling);
            if choice.targets.is_empty() {
                spared = NoActionReason::OutOfReach;
                continue;
            }
            return GuardDecision::Act(Box::new(KillPlan { family, choice, shortfall, grown }));
        }
        GuardDecision::Spare(spared)
    }

    /// By how much a family has grown in what is within reach: what cannot be ended makes the rest of it no more guilty.
    fn grown_within_reach(&self, reached: &AgentTree, all: &AgentTree) -> Bytes {
        let grown = self.evidence.growth(&all.whole, all);
        if reached.whole.members.len() == all.whole.members.len() {
            return grown;
        }
        grown.min(reached.whole.members.iter().map(|m| self.evidence.growth_of(m)).sum())
    }

    /// The smallest part that covers it, rather one that grew; else sub-agents, rather those; else all of it.
    fn choose(&self, family: &AgentTree, shortfall: Bytes, grown: Bytes, is_telling: bool) -> Choice {
        let has_grown = |top: ProcessKey| {
            let within = family.whole.members.iter().filter(|m| m.key == top || m.lineage.contains(&top));
            let growth: Bytes = within.map(|m| self.evidence.growth_of(m)).sum();
            is_telling && growth > Bytes::ZERO && growth + growth >= grown
        };
        let choice = choose(&family.whole, shortfall, has_grown);
        let by_growth = |relative: &super::agent_tree::AgentNode| {
            relative.charge.saturating_sub(self.evidence.before(relative.agent.root))
        };
        // What started several agents costs as much as they do, and few of them may be enough.
        let carries = family.whole.member(choice.culprit.top).is_some_and(|m| m.is_ancestor_of_agent);
        let several = if choice.whole || carries { family.sub_agents(shortfall, by_growth) } else { None };
        several.unwrap_or(choice)
    }

    /// Whether nobody was told yet that nobody is acted on, for this reason.
    pub(super) fn is_news(&mut self, why: NoActionReason) -> bool {
        let kind = std::mem::discriminant(&why);
        let news = self.told.is_none_or(|told| std::mem::discriminant(&told) != kind);
        self.told = Some(why);
        news
    }

    /// Whether a danger that was told of is over, clearly.
    pub(super) fn is_over(&mut self, guest: &SystemMemory) -> bool {
        let clearly = guest.remaining() >= self.reserve(guest).share(5, 4);
        let over = clearly && !self.thrashing.is_suspected() && self.told.is_some();
        if over {
            self.told = None;
        }
        over
    }

    /// Somebody is acted on: what was told is no longer true.
    pub(super) fn acts(&mut self) {
        self.told = None;
    }

    /// A danger was told of, and stands.
    pub(super) fn is_standing(&self) -> bool {
        self.told.is_some()
    }
}
