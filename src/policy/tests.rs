//! Policy tests: worlds in, signals and events out, tick by tick.

mod forecast;
mod guard;
mod guard_agent_choice;
mod oom_kills;
mod reserve;
mod restart_backoff;
mod simulated;
mod slice;
mod step_events;
mod stop_requests;
mod unkillable;
mod verification;

use std::time::Duration;

use super::{Engine, Step};
use crate::api::status::AgentLevel;
use crate::model::event::EventKind;
use crate::model::testing::{self, USER, key};
use crate::model::{
    ActionSettings, AgentSample, Boottime, Bytes, Charge, GuardSettings, Member, ProcessKey, Snapshot,
    SystemMemory, Thresholds, Uid,
};
use crate::rules::protected::is_protected;

const TICK: Duration = Duration::from_millis(100);

/// Agents, their processes, and the engine that watches them.
struct World {
    engine: Engine,
    snapshot: Snapshot,
    /// Memory used outside agents, beside 4 GiB.
    elsewhere: Bytes,
    /// The part of the used memory that is in swap.
    swapped: Bytes,
}

fn member(pid: i32, lineage: Vec<ProcessKey>, name: &str, charge: Bytes) -> Member {
    let charge = Charge::anonymous(charge);
    Member { lineage, protected: is_protected(name, None), ..Member::new(key(pid), USER, name, charge) }
}

impl World {
    fn new() -> Self {
        Self::acting(ActionSettings {
            dry_run: false,
            grace: Duration::from_secs(10),
            ..ActionSettings::default()
        })
    }

    fn acting(action: ActionSettings) -> Self {
        Self::with(action, GuardSettings::default())
    }

    fn with(action: ActionSettings, guard: GuardSettings) -> Self {
        let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
        let guest = SystemMemory {
            mem_total: Bytes::gib(64),
            mem_available: Bytes::gib(60),
            process_totals: Charge { anon: Bytes::gib(64), shmem: Bytes::gib(64), swap: Bytes::ZERO },
            ..SystemMemory::default()
        };
        let snapshot = Snapshot { guest, ..Snapshot::default() };
        Self {
            engine: Engine::new(thresholds, action, guard),
            snapshot,
            elsewhere: Bytes::ZERO,
            swapped: Bytes::ZERO,
        }
    }

    fn agent(mut self, pid: i32, charge: Bytes) -> Self {
        let root = member(pid, Vec::new(), "claude", charge);
        self.snapshot.agents.push(testing::sample(pid, vec![root]));
        self
    }

    fn child(mut self, of: i32, pid: i32, name: &str, charge: Bytes) -> Self {
        self.start(of, pid, name, charge);
        self
    }

    fn start(&mut self, of: i32, pid: i32, name: &str, charge: Bytes) {
        let agent =
            self.snapshot.agents.iter_mut().find(|a| a.members.iter().any(|m| m.key == key(of))).unwrap();
        let above = agent.members.iter().find(|m| m.key == key(of)).unwrap().lineage.clone();
        let lineage = std::iter::once(key(of)).chain(above).collect();
        agent.members.push(member(pid, lineage, name, charge));
    }

    fn member(&mut self, pid: i32) -> &mut Member {
        self.snapshot.agents.iter_mut().flat_map(|a| &mut a.members).find(|m| m.key.pid.get() == pid).unwrap()
    }

    fn grow(&mut self, pid: i32, charge: Bytes) {
        self.member(pid).charge.anon = charge;
    }

    fn end(&mut self, pid: i32) {
        for agent in &mut self.snapshot.agents {
            agent.members.retain(|m| m.key.pid.get() != pid);
            agent.root_alive &= agent.agent.root.pid.get() != pid;
        }
        self.snapshot.agents.retain(|a| !a.members.is_empty());
    }

    fn step(&mut self) -> Step {
        self.after(TICK)
    }

    fn after(&mut self, time: Duration) -> Step {
        self.pass(time);
        self.engine.step(&self.snapshot)
    }

    fn pass(&mut self, time: Duration) {
        self.snapshot.at = self.snapshot.at + time;
        let mut used = Bytes::gib(4) + self.elsewhere;
        for agent in &mut self.snapshot.agents {
            agent.charge = agent.members.iter().map(|m| m.charge).sum();
            used += agent.charge.total();
        }
        let guest = &mut self.snapshot.guest;
        guest.swap_free = guest.swap_total.saturating_sub(self.swapped);
        guest.swap_headroom = guest.swap_free;
        guest.mem_available = guest.mem_total.saturating_sub(used.saturating_sub(self.swapped));
    }

    fn level(&self, pid: i32) -> AgentLevel {
        self.engine.level(key(pid))
    }
}

/// `TERM 101 102` for a batch of signals, then a word for each event.
fn reported(step: &Step) -> Vec<String> {
    let signals = step.signals.iter().map(|w| {
        let pids: Vec<String> = w.targets.iter().map(|t| t.pid.to_string()).collect();
        format!("{} {}", w.signal.name(), pids.join(" "))
    });
    let events = step.events.iter().map(|e| match &e.kind {
        EventKind::Found => "found".to_owned(),
        EventKind::Gone => "gone".to_owned(),
        EventKind::Unknown => "unknown".to_owned(),
        EventKind::Warned { .. } => "warned".to_owned(),
        EventKind::Recovered { .. } => "recovered".to_owned(),
        EventKind::Acted(d) if d.whole => "act on the agent".to_owned(),
        EventKind::Acted(d) => format!("act on {} {}", d.culprit.name, d.culprit.top.pid),
        EventKind::Killed { remaining, .. } => format!("{remaining} to kill"),
        EventKind::Escalated { culprit, whole, .. } => {
            if *whole {
                "escalated to the agent".to_owned()
            } else {
                format!("escalated to {}", culprit.top.pid)
            }
        }
        EventKind::Signalled { .. } => "signalled".to_owned(),
        EventKind::Ended { freed, back, .. } => {
            format!("ended, {freed} freed{}", if *back { "" } else { ", not back" })
        }
        EventKind::Failed { why, .. } => format!("failed: {why:?}"),
        EventKind::RestartBackoff { .. } => "restart backoff".to_owned(),
        EventKind::ForecastAlert(_) => "forecast".to_owned(),
        EventKind::ForecastCleared => "forecast cleared".to_owned(),
        EventKind::KernelOom { kills, lost, .. } => {
            let agent = e.agent.as_ref().map_or("no agent".to_owned(), |agent| agent.id.to_string());
            let lost = lost.as_ref().map_or("an unknown process".to_owned(), |lost| lost.key.pid.to_string());
            format!("the kernel took {kills}: {lost} of {agent}")
        }
        EventKind::GuestInDanger { why, .. } => format!("danger: {why:?}"),
        EventKind::GuestSafe { .. } => "safe".to_owned(),
    });
    signals.chain(events).collect()
}

#[test]
fn a_leaking_child_is_killed_and_its_agent_survives() {
    let mut world = World::new()
        .agent(100, Bytes::mib(240))
        .child(100, 101, "bash", Bytes::mib(4))
        .child(101, 102, "node", Bytes::gib(2))
        .child(100, 103, "mcp", Bytes::mib(100))
        .agent(200, Bytes::mib(500));
    assert_eq!(reported(&world.step()), ["found", "found"]);
    world.grow(102, Bytes::gib(8));
    assert_eq!(reported(&world.step()), ["warned"]);
    assert!(reported(&world.step()).is_empty(), "one warning a crossing");
    world.grow(102, Bytes::gib(13));
    assert_eq!(reported(&world.step()), ["TERM 102", "act on node 102"]);
    assert_eq!(world.level(100), AgentLevel::Acting);
    assert!(reported(&world.step()).is_empty(), "it has its grace");
    world.end(102);
    assert_eq!(reported(&world.step()), ["ended, 13G freed", "recovered"]);
    assert_eq!((world.level(100), world.level(200)), (AgentLevel::Ok, AgentLevel::Ok));
}

#[test]
fn a_leaking_root_is_killed_with_its_tree() {
    let mut world = World::new().agent(100, Bytes::gib(14)).child(100, 101, "bash", Bytes::mib(4));
    world.start(101, 102, "setsid-child", Bytes::mib(100));
    assert_eq!(reported(&world.step()), ["TERM 100 101 102", "found", "warned", "act on the agent"]);
    world.end(100);
    assert!(reported(&world.step()).is_empty(), "survivors have the same grace");
    let step = world.after(Duration::from_secs(10));
    assert_eq!(reported(&step), ["KILL 101 102", "2 to kill"]);
    world.end(101);
    world.end(102);
    assert_eq!(reported(&world.step()), ["ended, 14.1G freed", "gone"]);
}

#[test]
fn sigkill_follows_the_grace_period_and_forks() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    assert_eq!(reported(&world.step())[0], "TERM 101");
    assert!(reported(&world.after(Duration::from_secs(9))).is_empty());
    assert_eq!(reported(&world.after(Duration::from_secs(1))), ["KILL 101", "1 to kill"]);
    assert!(reported(&world.step()).is_empty(), "a kill takes its time");
    world.start(101, 102, "node", Bytes::ZERO);
    assert_eq!(reported(&world.step()), ["KILL 101 102"], "a fork is followed at once");
    world.end(101);
    assert_eq!(reported(&world.after(Duration::from_secs(1))), ["KILL 102"], "and so is the survivor");
    for _ in 0..8 {
        assert_eq!(reported(&world.after(Duration::from_secs(1))), ["KILL 102"]);
    }
    assert_eq!(reported(&world.after(Duration::from_secs(1))), ["failed: Survivors(1)", "recovered"]);
    world.grow(102, Bytes::gib(14));
    assert!(world.step().signals.is_none(), "then it is left alone for a while");
    assert!(world.after(Duration::from_secs(30)).signals.is_some());
}

#[test]
fn the_grace_period_ends_when_memory_is_full() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    world.step();
    // 40 GiB in a second: the rest lasts for less than another second.
    world.grow(101, Bytes::gib(53));
    assert_eq!(reported(&world.after(Duration::from_secs(1))), Vec::<String>::new());
    world.grow(101, Bytes::gib(57));
    assert_eq!(reported(&world.step()), ["KILL 101", "1 to kill"]);
}

#[test]
fn an_agent_below_its_threshold_is_left_alone() {
    let mut world = World::new().agent(100, Bytes::gib(7)).agent(200, Bytes::gib(12));
    assert_eq!(reported(&world.step()), ["found", "found", "warned"]);
    for _ in 0..100 {
        assert!(reported(&world.step()).is_empty());
    }
}

#[test]
fn a_swing_around_the_threshold_is_one_crossing() {
    let mut world = World::new().agent(100, Bytes::gib(8));
    assert_eq!(reported(&world.step()), ["found", "warned"]);
    for charge in [Bytes::mib(7800), Bytes::mib(8300), Bytes::mib(7400)] {
        world.grow(100, charge);
        assert!(reported(&world.step()).is_empty());
    }
    world.grow(100, Bytes::gib(7));
    assert_eq!(reported(&world.step()), ["recovered"]);
    world.grow(100, Bytes::gib(8));
    assert_eq!(reported(&world.step()), ["warned"], "reported again at the next crossing");
}

#[test]
fn a_dry_run_reports_each_crossing_once_without_signals() {
    let mut world = World::acting(ActionSettings {
        dry_run: true,
        grace: Duration::from_secs(10),
        ..ActionSettings::default()
    })
    .agent(100, Bytes::mib(240))
    .child(100, 101, "node", Bytes::gib(13));
    let step = world.step();
    assert_eq!(reported(&step), ["found", "warned", "act on node 101"]);
    for _ in 0..50 {
        let step = world.after(Duration::from_secs(1));
        assert!(reported(&step).is_empty());
        assert_eq!(step.next_poll, Duration::from_secs(1), "and it is not sampled more often");
    }
    world.grow(101, Bytes::gib(5));
    assert_eq!(reported(&world.step()), ["recovered"]);
    world.grow(101, Bytes::gib(13));
    assert_eq!(reported(&world.step()), ["warned", "act on node 101"]);
}

#[test]
fn multiplexers_and_their_panes_are_never_signalled() {
    let mut world = World::new()
        .agent(100, Bytes::gib(14))
        .child(100, 101, "tmux", Bytes::mib(10))
        .child(101, 102, "vim", Bytes::mib(30))
        .child(100, 103, "bash", Bytes::mib(4));
    assert_eq!(reported(&world.step())[0], "TERM 100 103", "nor the processes in its panes");
    // A leak in a pane is still the culprit.
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "tmux", Bytes::mib(10)).child(
        101,
        102,
        "node",
        Bytes::gib(14),
    );
    assert_eq!(reported(&world.step())[0], "TERM 102");
    assert!(reported(&world.step()).is_empty(), "with its grace");
    assert_eq!(reported(&world.after(Duration::from_secs(10)))[0], "KILL 102");
}

#[test]
fn a_parent_of_another_agent_is_no_culprit() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "bash", Bytes::gib(7)).child(
        101,
        102,
        "node",
        Bytes::gib(7),
    );
    world.member(101).is_ancestor_of_agent = true;
    assert_eq!(reported(&world.step())[0], "TERM 102");
}

#[test]
fn a_parent_of_another_agent_goes_before_the_whole_agent() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "bash", Bytes::mib(4)).child(
        101,
        102,
        "node",
        Bytes::gib(13),
    );
    world.member(101).is_ancestor_of_agent = true;
    world.member(102).is_ancestor_of_agent = true;
    assert_eq!(reported(&world.step())[0], "TERM 102");
}

#[test]
fn an_agent_is_not_killed_without_effect() {
    let mut world = World::new().agent(100, Bytes::mib(300)).child(100, 101, "tmux", Bytes::mib(10));
    for pid in [102, 103, 104] {
        world.start(101, pid, "node", Bytes::mib(4700));
    }
    let step = world.step();
    assert_eq!(reported(&step), ["found", "warned", "failed: Protected"]);
}

#[test]
fn forks_in_the_grace_period_are_killed_unless_protected() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    world.step();
    world.start(101, 102, "tmux", Bytes::mib(5));
    world.start(102, 103, "vim", Bytes::mib(5));
    world.start(101, 104, "sh", Bytes::mib(5));
    assert_eq!(reported(&world.after(Duration::from_secs(10)))[0], "STOP 101 104", "it starts others");
    assert_eq!(reported(&world.step())[0], "KILL 101 104");
}

#[test]
fn a_finished_burst_does_not_shorten_the_grace_period() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    world.step();
    // At this rate memory would be full in less than a second.
    world.grow(101, Bytes::gib(18));
    assert!(reported(&world.step()).is_empty());
    for _ in 0..20 {
        assert!(reported(&world.step()).is_empty(), "then it is stable");
    }
}

#[test]
fn without_allocatable_memory_there_is_no_grace_period() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    world.elsewhere = Bytes::gib(47);
    assert_eq!(reported(&world.step())[0], "KILL 101", "though nothing grows");
}

#[test]
fn one_action_at_a_time_on_fresh_figures() {
    let mut world = World::new()
        .agent(100, Bytes::mib(240))
        .child(100, 101, "node", Bytes::gib(13))
        .agent(200, Bytes::mib(240))
        .child(200, 201, "node", Bytes::gib(14));
    assert_eq!(world.step().signals.unwrap().targets, [key(201)], "the worst first");
    assert!(world.step().signals.is_none());
    world.end(201);
    assert!(world.step().signals.is_none(), "it has only just gone");
    assert_eq!(world.step().signals.unwrap().targets, [key(101)]);
}

#[test]
fn the_end_is_reported_with_its_memory_before_the_recovery() {
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    world.step();
    world.end(101);
    // Another process takes the freed memory.
    world.elsewhere = Bytes::gib(12);
    assert!(reported(&world.step()).is_empty());
    assert_eq!(world.level(100), AgentLevel::Acting);
    world.elsewhere = Bytes::ZERO;
    assert_eq!(reported(&world.step()), ["ended, 13G freed", "recovered"]);
    let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(13));
    world.step();
    world.end(101);
    world.elsewhere = Bytes::gib(12);
    world.step();
    let step = world.after(Duration::from_secs(10));
    assert_eq!(reported(&step), ["ended, 13G freed, not back", "recovered"], "it is not waited for for ever");
}

#[test]
fn polls_are_more_frequent_near_the_threshold() {
    let mut world = World::new().agent(100, Bytes::gib(2));
    assert_eq!(world.step().next_poll, Duration::from_secs(1));
    world.grow(100, Bytes::gib(10));
    assert_eq!(world.step().next_poll, Duration::from_millis(500), "3 GiB at 6 GiB/s");
    world.grow(100, Bytes::mib(13 * 1024 - 10));
    assert_eq!(world.step().next_poll, Duration::from_millis(20));
}

#[test]
fn the_same_history_yields_the_same_steps() {
    let run = || {
        let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::gib(1));
        let mut all = Vec::new();
        for gib in 1..20 {
            world.grow(101, Bytes::gib(gib));
            all.extend(reported(&world.step()));
        }
        (all, Boottime::default())
    };
    assert_eq!(run(), run());
}
