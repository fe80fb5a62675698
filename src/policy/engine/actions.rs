//! Actions: begun, advanced, brought to an end.

use std::cmp::Reverse;

use crate::model::event::{Cause, Danger, Decision, EventKind, Failure, NoActionReason};
use crate::model::{AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, Event, ProcessKey, Snapshot};

use super::events::event;
use super::{Engine, QUICKEST, Step};
use crate::policy::agent_state::AgentState;
use crate::policy::guard::{GuardDecision, KillPlan};
use crate::policy::kill_sequence::{self, KillSequence, KillSequenceParams, Progress};
use crate::policy::kill_target::KillTarget;
use crate::policy::victim::{Choice, choose};

/// What is decided, before it is known how much time there is for it.
pub(super) struct Plan<'a> {
    pub(super) cause: Cause,
    /// Who is told of.
    pub(super) agent: AgentRef,
    /// What that one costs.
    pub(super) charge: Bytes,
    pub(super) subject: KillTarget,
    pub(super) sample: &'a AgentSample,
    pub(super) choice: Choice,
    /// The agent named loses all of itself.
    pub(super) whole: bool,
    pub(super) agents: usize,
    pub(super) shortfall: Bytes,
    pub(super) grown: Bytes,
}

impl Engine {
    /// Begins an action where one is due: on the agent furthest over its line of which something can be acted on, else
    /// for the guest's sake. `within_reach`: the same agents without what could not be ended.
    pub(super) fn begin(
        &mut self,
        snapshot: &Snapshot,
        within_reach: &Snapshot,
        drain: BytesPerSecond,
        step: &mut Step,
    ) {
        self.hold_back(snapshot, &mut step.events);
        let agents = snapshot.agents.iter().zip(&within_reach.agents);
        let mut over: Vec<_> = agents.filter(|(agent, _)| self.may_act(snapshot.at, agent)).collect();
        over.sort_by_key(|(agent, _)| Reverse(agent.charge.total()));
        for (agent, reached) in over {
            if self.begin_at_line(agent, reached, snapshot, drain, step) {
                return;
            }
        }
        if let Some(danger) = self.danger {
            self.begin_for(Cause::Guard(danger), danger, snapshot, within_reach, drain, step);
        }
    }

    /// The same for the sake of those who share a slice, which are all that `slice` has.
    pub(super) fn begin_for_slice(
        &mut self,
        slice: &Snapshot,
        within_reach: &Snapshot,
        drain: BytesPerSecond,
        step: &mut Step,
    ) {
        let Some(danger) = self.together.danger.filter(|_| self.ladder.is_none() && self.act.guard) else {
            return;
        };
        let agents = self.together.of(&within_reach.agents);
        let within_reach = Snapshot { agents, ..Snapshot::default() };
        let cause = Cause::Slice { danger, cap: slice.guest.mem_total };
        let drain = drain.max(self.together.guard.fill.now());
        self.begin_for(cause, danger, slice, &within_reach, drain, step);
    }

    /// `false`: nothing of it that may be signalled, and could be ended as far as is known, brings it below its line.
    fn begin_at_line(
        &mut self,
        agent: &AgentSample,
        reached: &AgentSample,
        snapshot: &Snapshot,
        drain: BytesPerSecond,
        step: &mut Step,
    ) -> bool {
        let thresholds = agent.thresholds(self.thresholds);
        let (charge, left) = (agent.charge.total(), reached.charge.total());
        let mut shortfall = charge.saturating_sub(thresholds.warn);
        let mut choice = choose(reached, shortfall, |_| false);
        if choice.targets.is_empty() && left < charge && left >= thresholds.kill {
            // What is stuck holds more than others can make up for: what is left of the agent has the lines to itself.
            shortfall = left.saturating_sub(thresholds.warn);
            choice = choose(reached, shortfall, |_| false);
        }
        let Some(watch) = self.watches.get_mut(&agent.agent.root) else { return false };
        if choice.targets.is_empty() {
            // Of what is stuck it was told when its action failed.
            if watch.falls_short(snapshot.at) && reached.members.len() == agent.members.len() {
                self.actions += 1;
                let kind = EventKind::Failed { action: self.actions, why: Failure::Protected };
                step.events.push(event(agent, kind));
            }
            return false;
        }
        watch.is_acted_on();
        let whole = choice.whole;
        let plan = Plan {
            cause: Cause::Threshold,
            agent: agent.agent.clone(),
            charge,
            subject: KillTarget::Agent(agent.agent.root),
            sample: reached,
            choice,
            whole,
            agents: 1,
            shortfall,
            grown: Bytes::ZERO,
        };
        self.carry_out(plan, snapshot, drain, step);
        true
    }

    /// Acts on whoever took the memory of the guest, or of the slice, though none is over its own line.
    fn begin_for(
        &mut self,
        cause: Cause,
        danger: Danger,
        snapshot: &Snapshot,
        within_reach: &Snapshot,
        drain: BytesPerSecond,
        step: &mut Step,
    ) {
        // What was freed a moment ago may not show yet, and a dry run would say the same again and again.
        if self.ended.is_some_and(|ended| snapshot.at.since(ended) < QUICKEST) || self.said {
            return;
        }
        if !self.act.guard {
            self.spare(danger, NoActionReason::Off, snapshot, &mut step.events);
            return;
        }
        let for_slice = matches!(cause, Cause::Slice { .. });
        let guard = if for_slice { &self.together.guard } else { &self.guard };
        match guard.judge(snapshot, &within_reach.agents, &danger) {
            // The kernel ends somebody there, and that is told.
            GuardDecision::Spare(why) if for_slice => _ = self.together.guard.is_news(why),
            GuardDecision::Spare(why) => self.spare(danger, why, snapshot, &mut step.events),
            GuardDecision::Act(sentence) => {
                let KillPlan { family, choice, shortfall, grown } = *sentence;
                let losers = family.losers(&choice.targets);
                // A part that is one agent's, or all of one, is told of that one.
                let (agent, charge, whole) = match losers.as_slice() {
                    [(relative, whole)] => (relative.agent.clone(), relative.charge, *whole),
                    _ => (family.whole.agent.clone(), family.whole.charge.total(), choice.whole),
                };
                let plan = Plan {
                    cause,
                    agent,
                    charge,
                    subject: KillTarget::AgentTree(family.roots()),
                    sample: &family.whole,
                    agents: losers.len(),
                    choice,
                    whole,
                    shortfall,
                    grown,
                };
                self.carry_out(plan, snapshot, drain, step);
            }
        }
    }

    fn spare(&mut self, danger: Danger, why: NoActionReason, snapshot: &Snapshot, events: &mut Vec<Event>) {
        if self.guard.is_news(why) {
            let charge = snapshot.agents.iter().map(|a| a.charge.total()).sum();
            events.push(Event { agent: None, charge, kind: EventKind::GuestInDanger { danger, why } });
        }
    }

    pub(super) fn carry_out(
        &mut self,
        plan: Plan<'_>,
        snapshot: &Snapshot,
        drain: BytesPerSecond,
        step: &mut Step,
    ) {
        let Plan { cause, agent, charge, subject, sample, choice, whole, agents, shortfall, grown } = plan;
        self.actions += 1;
        let rate = self.watches.get(&agent.root).map(|w| w.rate).unwrap_or_default().max(drain);
        let grace = kill_sequence::grace(self.act.grace, &snapshot.guest, rate);
        let mut ladder = KillSequence::begin(KillSequenceParams {
            action: self.actions,
            at: snapshot.at,
            agent: agent.clone(),
            subject,
            by: match cause {
                Cause::Request { by } => Some(by),
                Cause::Threshold | Cause::Guard(_) | Cause::Slice { .. } => None,
            },
            sample,
            guest: &snapshot.guest,
            choice: &choice,
            longest: self.act.grace,
            grace,
        });
        let decision = Decision {
            action: self.actions,
            cause,
            threshold: sample.thresholds(self.thresholds).kill,
            shortfall,
            grown,
            processes: choice.targets.len(),
            culprit: choice.culprit,
            whole,
            agents,
            signal: ladder.signal,
            grace,
            dry_run: self.act.dry_run,
        };
        step.events.push(Event { agent: Some(agent.clone()), charge, kind: EventKind::Acted(decision) });
        if self.act.dry_run {
            match cause {
                Cause::Guard(_) | Cause::Slice { .. } => self.said = true,
                Cause::Threshold => self.said = false,
                Cause::Request { .. } => return,
            }
            self.with_watch(agent.root, |watch| watch.said = true);
            return;
        }
        let for_memory = !matches!(cause, Cause::Request { .. });
        if whole
            && for_memory
            && let Some(ended) = snapshot.agents.iter().find(|a| a.agent.root == agent.root)
        {
            self.restarts.ended(snapshot.at, ended);
        }
        if for_memory {
            self.guard.acts();
        }
        self.together.acts = matches!(cause, Cause::Slice { .. });
        step.wave = Some(ladder.first_wave(sample));
        self.ladder = Some(ladder);
    }

    /// Tells of agents over their line that take the place of one which was ended for that.
    fn hold_back(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        for sample in &snapshot.agents {
            if sample.charge.total() < sample.thresholds(self.thresholds).kill {
                continue;
            }
            let Some((actions, wait)) = self.restarts.wait(snapshot.at, sample) else { continue };
            let Some(watch) = self.watches.get_mut(&sample.agent.root) else { continue };
            if watch.held_back < actions && !watch.said {
                watch.held_back = actions;
                events.push(event(sample, EventKind::RestartBackoff { actions, wait }));
            }
        }
    }

    pub(super) fn may_act(&self, at: Boottime, agent: &AgentSample) -> bool {
        let over = |w: &AgentState| !w.said && w.cooldown.is_none() && w.is_proven;
        agent.charge.total() >= agent.thresholds(self.thresholds).kill
            && self.watches.get(&agent.agent.root).is_some_and(over)
            && self.restarts.wait(at, agent).is_none()
    }

    pub(super) fn advance(
        &mut self,
        mut ladder: KillSequence,
        snapshot: &Snapshot,
        within_reach: &Snapshot,
        drain: BytesPerSecond,
        step: &mut Step,
    ) {
        let root = ladder.agent.root;
        // An end that was only asked for does not keep others waiting who are over their line, nor the guest.
        let others = |a: &AgentSample| !ladder.subject.names(a.agent.root) && self.may_act(snapshot.at, a);
        if ladder.is_requested() && (self.is_pressing() || snapshot.agents.iter().any(others)) {
            ladder.hurry(snapshot.at);
        }
        // Whoever asks for an end asks for all of it.
        let sample = ladder.subject.seen(if ladder.is_requested() { snapshot } else { within_reach });
        let rate = self.watches.get(&root).map(|w| w.rate).unwrap_or_default().max(drain);
        let charge = sample.as_ref().map(|a| a.charge.total()).unwrap_or_default();
        let acted_on = ladder.agent.clone();
        let (guest, rate) = self.together.measure(&snapshot.guest, rate);
        let in_danger = self.danger.or(self.together.danger).is_some();
        let tell = |kind| Event { agent: Some(acted_on), charge, kind };
        match ladder.advance(snapshot.at, sample.as_deref(), &guest, rate, in_danger) {
            Progress::Waiting => {}
            Progress::Send(wave, kind) => {
                step.wave = Some(wave);
                step.events.extend(kind.map(tell));
            }
            Progress::Ended(freed) => {
                step.wave = ladder.release();
                self.ended = Some(snapshot.at);
                self.with_watch(root, |watch| watch.cooldown = Some(freed));
                return;
            }
            Progress::Failed(living) => {
                step.wave = ladder.release();
                let why = Failure::Survivors(living.len());
                step.events.push(tell(EventKind::Failed { action: ladder.action, why }));
                self.stuck.set_aside(snapshot.at, living);
                return;
            }
        }
        self.ladder = Some(ladder);
    }

    fn with_watch(&mut self, root: ProcessKey, change: impl FnOnce(&mut AgentState)) {
        if let Some(watch) = self.watches.get_mut(&root) {
            change(watch);
        }
    }
}
