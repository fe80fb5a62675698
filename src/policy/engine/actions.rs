//! Actions: begin, advance, finish.

use std::cmp::Reverse;

use crate::model::event::{Cause, Danger, Decision, EventKind, Failure, NoActionReason};
use crate::model::{AgentRef, AgentSample, Boottime, Bytes, BytesPerSecond, Event, ProcessKey, Snapshot};

use super::events::event;
use super::{Engine, MIN_SAMPLE_INTERVAL, Step};
use crate::policy::agent_state::AgentState;
use crate::policy::guard::{GuardDecision, KillPlan};
use crate::policy::kill_sequence::{self, ActionProgress, KillSequence, KillSequenceParams};
use crate::policy::kill_target::KillTarget;
use crate::policy::victim::{Choice, choose};

/// A decision, before its grace period is known.
pub(super) struct PlannedAction<'a> {
    pub(super) cause: Cause,
    /// The agent to report.
    pub(super) agent: AgentRef,
    /// The charge of that agent.
    pub(super) charge: Bytes,
    pub(super) target: KillTarget,
    pub(super) sample: &'a AgentSample,
    pub(super) choice: Choice,
    /// All of that agent is killed.
    pub(super) whole: bool,
    pub(super) agents: usize,
    pub(super) shortfall: Bytes,
    pub(super) grown: Bytes,
}

impl Engine {
    /// Begins a due action: on the largest agent over its kill threshold of which a part can be killed, otherwise
    /// against a danger. `killable` is `snapshot` without unkillable processes.
    pub(super) fn begin(
        &mut self,
        snapshot: &Snapshot,
        killable: &Snapshot,
        fill_rate: BytesPerSecond,
        step: &mut Step,
    ) {
        self.detect_restarts(snapshot, &mut step.events);
        let agents = snapshot.agents.iter().zip(&killable.agents);
        let mut over: Vec<_> = agents.filter(|(agent, _)| self.can_act(snapshot.at, agent)).collect();
        over.sort_by_key(|(agent, _)| Reverse(agent.charge.total()));
        for (agent, reached) in over {
            if self.begin_at_threshold(agent, reached, snapshot, fill_rate, step) {
                return;
            }
        }
        if let Some(danger) = self.danger {
            self.begin_in_danger(Cause::Guard(danger), danger, snapshot, killable, fill_rate, step);
        }
    }

    /// Begins an action for the agents of a slice, which are all agents of `slice`.
    pub(super) fn begin_for_slice(
        &mut self,
        slice: &Snapshot,
        killable: &Snapshot,
        fill_rate: BytesPerSecond,
        step: &mut Step,
    ) {
        let Some(danger) =
            self.slice_guard.danger.filter(|_| self.kill_sequence.is_none() && self.guard_settings.enabled)
        else {
            return;
        };
        let agents = self.slice_guard.agents_inside(&killable.agents);
        let killable = Snapshot { agents, ..Snapshot::default() };
        let cause = Cause::Slice { danger, cap: slice.guest.mem_total };
        let fill_rate = fill_rate.max(self.slice_guard.guard.fill.current());
        self.begin_in_danger(cause, danger, slice, &killable, fill_rate, step);
    }

    /// Returns `false` if no killable part of it would bring it below its threshold.
    fn begin_at_threshold(
        &mut self,
        agent: &AgentSample,
        reached: &AgentSample,
        snapshot: &Snapshot,
        fill_rate: BytesPerSecond,
        step: &mut Step,
    ) -> bool {
        let thresholds = agent.thresholds(self.thresholds);
        let (charge, left) = (agent.charge.total(), reached.charge.total());
        let mut shortfall = charge.saturating_sub(thresholds.warn);
        let mut choice = choose(reached, shortfall, |_| false);
        if choice.targets.is_empty() && left < charge && left >= thresholds.kill {
            // Unkillable processes hold more than the others can make up for: the thresholds then apply to the rest of
            // the agent.
            shortfall = left.saturating_sub(thresholds.warn);
            choice = choose(reached, shortfall, |_| false);
        }
        let Some(state) = self.states.get_mut(&agent.agent.root) else { return false };
        if choice.targets.is_empty() {
            // Unkillable processes were reported when their action failed.
            if state.should_report_unkillable(snapshot.at) && reached.members.len() == agent.members.len() {
                self.actions += 1;
                let kind = EventKind::Failed { action: self.actions, why: Failure::Protected };
                step.events.push(event(agent, kind));
            }
            return false;
        }
        state.clear_unkillable();
        let whole = choice.whole;
        let planned = PlannedAction {
            cause: Cause::Threshold,
            agent: agent.agent.clone(),
            charge,
            target: KillTarget::Agent(agent.agent.root),
            sample: reached,
            choice,
            whole,
            agents: 1,
            shortfall,
            grown: Bytes::ZERO,
        };
        self.start_action(planned, snapshot, fill_rate, step);
        true
    }

    /// Acts on the agents that took the memory of the machine, or of the slice, although none is over its own
    /// threshold.
    fn begin_in_danger(
        &mut self,
        cause: Cause,
        danger: Danger,
        snapshot: &Snapshot,
        killable: &Snapshot,
        fill_rate: BytesPerSecond,
        step: &mut Step,
    ) {
        // Freed memory may not be visible yet, and a dry run would repeat its report.
        if self.ended.is_some_and(|ended| snapshot.at.since(ended) < MIN_SAMPLE_INTERVAL)
            || self.dry_run_reported
        {
            return;
        }
        if !self.guard_settings.enabled {
            self.report_no_action(danger, NoActionReason::Off, snapshot, &mut step.events);
            return;
        }
        let for_slice = matches!(cause, Cause::Slice { .. });
        let guard = if for_slice { &self.slice_guard.guard } else { &self.guard };
        match guard.decide(snapshot, &killable.agents, &danger) {
            // The kernel kills a process there, which is reported.
            GuardDecision::Spare(why) if for_slice => _ = self.slice_guard.guard.record_no_action(why),
            GuardDecision::Spare(why) => self.report_no_action(danger, why, snapshot, &mut step.events),
            GuardDecision::Act(plan) => {
                let KillPlan { tree, choice, shortfall, grown } = *plan;
                let affected = tree.affected(&choice.targets);
                // A part within one agent, or all of one, is reported as that agent's.
                let (agent, charge, whole) = match affected.as_slice() {
                    [(node, whole)] => (node.agent.clone(), node.charge, *whole),
                    _ => (tree.whole.agent.clone(), tree.whole.charge.total(), choice.whole),
                };
                let planned = PlannedAction {
                    cause,
                    agent,
                    charge,
                    target: KillTarget::AgentTree(tree.roots()),
                    sample: &tree.whole,
                    agents: affected.len(),
                    choice,
                    whole,
                    shortfall,
                    grown,
                };
                self.start_action(planned, snapshot, fill_rate, step);
            }
        }
    }

    fn report_no_action(
        &mut self,
        danger: Danger,
        why: NoActionReason,
        snapshot: &Snapshot,
        events: &mut Vec<Event>,
    ) {
        if self.guard.record_no_action(why) {
            let charge = snapshot.agents.iter().map(|a| a.charge.total()).sum();
            events.push(Event { agent: None, charge, kind: EventKind::GuestInDanger { danger, why } });
        }
    }

    pub(super) fn start_action(
        &mut self,
        planned: PlannedAction<'_>,
        snapshot: &Snapshot,
        fill_rate: BytesPerSecond,
        step: &mut Step,
    ) {
        let PlannedAction { cause, agent, charge, target, sample, choice, whole, agents, shortfall, grown } =
            planned;
        self.actions += 1;
        let rate = self.states.get(&agent.root).map(|w| w.rate).unwrap_or_default().max(fill_rate);
        let grace = kill_sequence::grace(self.action.grace, &snapshot.guest, rate);
        let mut kill_sequence = KillSequence::begin(KillSequenceParams {
            action: self.actions,
            at: snapshot.at,
            agent: agent.clone(),
            target,
            by: match cause {
                Cause::Request { by } => Some(by),
                Cause::Threshold | Cause::Guard(_) | Cause::Slice { .. } => None,
            },
            sample,
            guest: &snapshot.guest,
            choice: &choice,
            max_grace: self.action.grace,
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
            signal: kill_sequence.signal,
            grace,
            dry_run: self.action.dry_run,
        };
        step.events.push(Event { agent: Some(agent.clone()), charge, kind: EventKind::Acted(decision) });
        if self.action.dry_run {
            match cause {
                Cause::Guard(_) | Cause::Slice { .. } => self.dry_run_reported = true,
                Cause::Threshold => self.dry_run_reported = false,
                Cause::Request { .. } => return,
            }
            self.update_state(agent.root, |state| state.dry_run_reported = true);
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
            self.guard.begin_action();
        }
        self.slice_guard.is_acting = matches!(cause, Cause::Slice { .. });
        step.signals = Some(kill_sequence.first_batch(sample));
        self.kill_sequence = Some(kill_sequence);
    }

    /// Reports agents over their threshold that replace a killed agent.
    fn detect_restarts(&mut self, snapshot: &Snapshot, events: &mut Vec<Event>) {
        for sample in &snapshot.agents {
            if sample.charge.total() < sample.thresholds(self.thresholds).kill {
                continue;
            }
            let Some((actions, wait)) = self.restarts.wait(snapshot.at, sample) else { continue };
            let Some(state) = self.states.get_mut(&sample.agent.root) else { continue };
            if state.reported_restarts < actions && !state.dry_run_reported {
                state.reported_restarts = actions;
                events.push(event(sample, EventKind::RestartBackoff { actions, wait }));
            }
        }
    }

    pub(super) fn can_act(&self, at: Boottime, agent: &AgentSample) -> bool {
        let over = |w: &AgentState| !w.dry_run_reported && w.cooldown.is_none() && w.is_verified;
        agent.charge.total() >= agent.thresholds(self.thresholds).kill
            && self.states.get(&agent.agent.root).is_some_and(over)
            && self.restarts.wait(at, agent).is_none()
    }

    pub(super) fn advance(
        &mut self,
        mut kill_sequence: KillSequence,
        snapshot: &Snapshot,
        killable: &Snapshot,
        fill_rate: BytesPerSecond,
        step: &mut Step,
    ) {
        let root = kill_sequence.agent.root;
        // A requested stop does not delay an action on other agents over their threshold, or against a danger.
        let others =
            |a: &AgentSample| !kill_sequence.target.names(a.agent.root) && self.can_act(snapshot.at, a);
        if kill_sequence.is_requested() && (self.needs_action() || snapshot.agents.iter().any(others)) {
            kill_sequence.end_grace(snapshot.at);
        }
        // A requested stop includes unkillable processes.
        let sample =
            kill_sequence.target.sample_in(if kill_sequence.is_requested() { snapshot } else { killable });
        let rate = self.states.get(&root).map(|w| w.rate).unwrap_or_default().max(fill_rate);
        let charge = sample.as_ref().map(|a| a.charge.total()).unwrap_or_default();
        let acted_on = kill_sequence.agent.clone();
        let (guest, rate) = self.slice_guard.measure(&snapshot.guest, rate);
        let in_danger = self.danger.or(self.slice_guard.danger).is_some();
        let event_of = |kind| Event { agent: Some(acted_on), charge, kind };
        match kill_sequence.advance(snapshot.at, sample.as_deref(), &guest, rate, in_danger) {
            ActionProgress::Waiting => {}
            ActionProgress::Send(signals, kind) => {
                step.signals = Some(signals);
                step.events.extend(kind.map(event_of));
            }
            ActionProgress::Ended(cooldown) => {
                step.signals = kill_sequence.release();
                self.ended = Some(snapshot.at);
                self.update_state(root, |state| state.cooldown = Some(cooldown));
                return;
            }
            ActionProgress::Failed(living) => {
                step.signals = kill_sequence.release();
                let why = Failure::Survivors(living.len());
                step.events.push(event_of(EventKind::Failed { action: kill_sequence.action, why }));
                self.unkillable.exclude(snapshot.at, living);
                return;
            }
        }
        self.kill_sequence = Some(kill_sequence);
    }

    fn update_state(&mut self, root: ProcessKey, change: impl FnOnce(&mut AgentState)) {
        if let Some(state) = self.states.get_mut(&root) {
            change(state);
        }
    }
}
