use super::*;
use crate::model::Role;

/// Processes with pid, start and parent, and the rules that recognise them.
#[derive(Default)]
struct World {
    processes: Vec<ObservedProcess>,
    tracker: MembershipTracker,
}

fn key(pid: i32, start_ticks: u64) -> ProcessKey {
    ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks }
}

impl World {
    fn process(mut self, pid: i32, parent: i32) -> Self {
        self.start(pid, parent);
        self
    }

    fn agent(self, pid: i32, parent: i32) -> Self {
        let mut world = self.process(pid, parent);
        world.exec(pid, Some("claude"));
        world
    }

    fn start(&mut self, pid: i32, parent: i32) {
        let key = key(pid, u64::try_from(pid).unwrap());
        self.processes.push(ObservedProcess {
            key,
            parent: Pid::new(parent),
            session: None,
            uid: Uid::new(1000),
            rule: None,
            origin: None,
            environment_read: true,
            scope: None,
        });
    }

    fn exec(&mut self, pid: i32, rule: Option<&str>) {
        let process = self.processes.iter_mut().find(|p| p.key.pid.get() == pid).unwrap();
        process.rule =
            rule.map(|rule| Arc::new(Recognised { rule: rule.to_owned(), role: Role::Agent, resume: None }));
    }

    /// Removes a process; its children become those of process 1.
    fn end(&mut self, pid: i32) {
        self.processes.retain(|p| p.key.pid.get() != pid);
        for process in self.processes.iter_mut().filter(|p| p.parent == Pid::new(pid)) {
            process.parent = Pid::new(1);
        }
    }

    /// `claude-10: 10 12 11*` for each agent, a `*` where another agent descends from the member.
    fn trees(&mut self) -> Vec<String> {
        let describe = |tree: &Tree| {
            let members: Vec<String> = tree
                .members
                .iter()
                .map(|m| format!("{}{}", m.key.pid, if m.is_ancestor_of_agent { "*" } else { "" }))
                .collect();
            let parent = tree.parent.as_ref().map(|p| format!(" of {}", p.id)).unwrap_or_default();
            let dead = if tree.root_alive { "" } else { " (dead)" };
            format!("{}{parent}{dead}: {}", tree.agent.id, members.join(" "))
        };
        self.tracker.update(&self.processes).iter().map(describe).collect()
    }
}

#[test]
fn descendants_belong_to_their_nearest_agent() {
    let mut world = World::default()
        .process(1, 0)
        .process(5, 1)
        .agent(10, 5)
        .process(11, 10)
        .process(12, 11)
        .process(20, 5);
    assert_eq!(world.trees(), ["claude-10: 10 11 12"]);
}

#[test]
fn reparenting_keeps_membership() {
    let mut world =
        World::default().process(1, 0).agent(10, 1).process(11, 10).process(12, 11).process(13, 12);
    world.trees();
    world.end(11);
    assert_eq!(world.trees(), ["claude-10: 10 12 13"]);
    world.start(14, 12);
    assert_eq!(world.trees(), ["claude-10: 10 12 13 14"], "later children included");
    let lineage = world.tracker.lineage(key(14, 14));
    assert_eq!(lineage, [key(12, 12), key(11, 11), key(10, 10)], "the dead ancestor is kept");
}

#[test]
fn a_dead_agent_keeps_its_orphans_until_the_last_exits() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.trees();
    world.end(10);
    assert_eq!(world.trees(), ["claude-10 (dead): 11"]);
    world.end(11);
    assert!(world.trees().is_empty());
    assert!(world.tracker.members.is_empty(), "all records are removed");
}

#[test]
fn a_nested_agent_is_separate_from_its_parent_agent() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10).agent(12, 11).process(13, 12);
    assert_eq!(world.trees(), ["claude-10: 10* 11*", "claude-12 of claude-10: 12 13"]);
    world.end(12);
    assert_eq!(world.trees(), ["claude-10: 10 11", "claude-12 of claude-10 (dead): 13"]);
}

#[test]
fn an_exec_into_an_agent_moves_its_descendants() {
    let mut world =
        World::default().process(1, 0).agent(10, 1).process(11, 10).process(12, 11).process(14, 10);
    world.trees();
    world.exec(11, Some("claude"));
    assert_eq!(world.trees(), ["claude-10: 10* 14", "claude-11 of claude-10: 11 12"]);
}

#[test]
fn an_agent_that_execs_another_program_is_removed() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.trees();
    world.exec(10, None);
    assert!(world.trees().is_empty());
}

#[test]
fn a_reused_pid_is_not_a_member() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.trees();
    world.end(11);
    world.processes.push(ObservedProcess {
        key: key(11, 900),
        parent: Pid::new(1),
        session: None,
        uid: Uid::ROOT,
        rule: None,
        origin: None,
        environment_read: true,
        scope: None,
    });
    assert_eq!(world.trees(), ["claude-10: 10"]);
    // A child that names a parent younger than itself: the parent's pid was reused between two reads.
    world.processes.push(ObservedProcess {
        key: key(50, 5),
        parent: Pid::new(10),
        session: None,
        uid: Uid::ROOT,
        rule: None,
        origin: None,
        environment_read: true,
        scope: None,
    });
    assert_eq!(world.trees(), ["claude-10: 10"]);
}

#[test]
fn a_loop_of_parents_terminates() {
    let mut world = World::default();
    for (pid, parent) in [(10, 11), (11, 10)] {
        let process = ObservedProcess {
            key: key(pid, 7),
            parent: Pid::new(parent),
            session: None,
            uid: Uid::ROOT,
            rule: None,
            origin: None,
            environment_read: true,
            scope: None,
        };
        world.processes.push(process);
    }
    assert!(world.trees().is_empty());
}

impl World {
    fn matched(&mut self, pid: i32, by: &str, role: Role) {
        let process = self.processes.iter_mut().find(|p| p.key.pid.get() == pid).unwrap();
        process.rule = Some(Arc::new(Recognised { rule: by.to_owned(), role, resume: None }));
    }

    /// Gives a process an environment with a Claude session.
    fn origin(&mut self, pid: i32, session: &str) {
        let process = self.processes.iter_mut().find(|p| p.key.pid.get() == pid).unwrap();
        let resume = Some(format!("claude --resume {session}"));
        let session = Some(session.into());
        process.origin = Some(Arc::new(SpawnOrigin { rule: "claude".to_owned(), session, resume }));
    }
}

#[test]
fn a_launcher_and_its_child_are_one_agent() {
    let mut world =
        World::default().process(1, 0).process(10, 1).process(11, 10).process(12, 11).process(13, 12);
    world.matched(10, "gemini", Role::Launcher);
    world.matched(11, "gemini", Role::Launcher);
    // A shell of its tool called exec for another launcher: a separate agent with its own launched child.
    world.matched(12, "gemini", Role::Launcher);
    world.matched(13, "gemini", Role::Launcher);
    assert_eq!(world.trees(), ["gemini-10: 10* 11*", "gemini-12 of gemini-10: 12 13"]);
}

/// A machine that is short of memory is slow: Node may need minutes from the launcher's start to that of its child. The
/// start of a process is its pid here, in hundredths of a second.
#[test]
fn a_child_launched_late_belongs_to_its_launcher() {
    let mut world = World::default().process(1, 0).process(10, 1);
    world.matched(10, "gemini", Role::Launcher);
    assert_eq!(world.trees(), ["gemini-10: 10"]);
    world.start(20_000, 10);
    world.matched(20_000, "gemini", Role::Launcher);
    assert_eq!(world.trees(), ["gemini-10: 10 20000"]);
    let mut found_together = World::default().process(1, 0).process(10, 1).process(20_000, 10);
    found_together.matched(20_000, "gemini", Role::Launcher);
    assert_eq!(found_together.trees(), ["gemini-20000: 20000"]);
    found_together.matched(10, "gemini", Role::Launcher);
    assert_eq!(found_together.trees(), ["gemini-10: 10 20000"]);
}

/// A script that matches as a launcher may be the agent itself, and its tools may exec another one.
#[test]
fn an_agent_in_another_session_is_a_separate_agent() {
    let mut world = World::default().process(1, 0).process(10, 1).process(11, 10);
    world.session(10, 5);
    world.session(11, 11);
    world.matched(10, "gemini", Role::Launcher);
    world.matched(11, "gemini", Role::Launcher);
    assert_eq!(world.trees(), ["gemini-10: 10*", "gemini-11 of gemini-10: 11"]);
}

#[test]
fn an_agent_started_after_another_child_is_separate() {
    let mut world = World::default().process(1, 0).process(10, 1).process(11, 10).process(12, 10);
    world.matched(10, "gemini", Role::Launcher);
    world.matched(12, "gemini", Role::Launcher);
    assert_eq!(world.trees(), ["gemini-10: 10* 11", "gemini-12 of gemini-10: 12"]);
}

#[test]
fn a_launcher_recognised_after_its_child_is_merged_with_it() {
    let mut world = World::default().process(1, 0).process(10, 1).process(11, 10).process(12, 11);
    world.matched(11, "codex", Role::Agent);
    assert_eq!(world.trees(), ["codex-11: 11 12"]);
    world.matched(10, "codex", Role::Launcher);
    assert_eq!(world.trees(), ["codex-10: 10 11 12"]);
    assert_eq!(world.tracker.lineage(key(12, 12)), [key(11, 11), key(10, 10)]);
}

#[test]
fn a_launcher_that_execs_in_place_is_the_agent() {
    let mut world = World::default().process(1, 0).process(10, 1).process(11, 10);
    world.matched(10, "codex", Role::Launcher);
    assert_eq!(world.trees(), ["codex-10: 10 11"]);
    world.matched(10, "codex", Role::Agent);
    world.matched(11, "codex", Role::Agent);
    // The one below was started by a tool, not launched.
    assert_eq!(world.trees(), ["codex-10: 10*", "codex-11 of codex-10: 11"]);
}

#[test]
fn a_service_is_separate_from_the_agent_that_started_it() {
    let mut world =
        World::default().process(1, 0).agent(10, 1).process(11, 10).process(12, 11).process(13, 1);
    assert_eq!(world.trees(), ["claude-10: 10 11 12"]);
    world.matched(11, "codex-app-server", Role::Service);
    world.matched(13, "codex-app-server", Role::Service);
    assert_eq!(world.trees(), ["claude-10: 10", "codex-app-server-11: 11 12 13"]);
    // It outlives its first process, and is no orphan then.
    world.end(11);
    assert_eq!(world.trees(), ["claude-10: 10", "codex-app-server-13: 13 12"]);
    world.end(13);
    assert_eq!(world.trees(), ["claude-10: 10", "codex-app-server-13 (dead): 12"]);
}

#[test]
fn each_user_has_a_separate_service() {
    let mut world = World::default().process(1, 0).process(10, 1).process(11, 1);
    world.matched(10, "codex-app-server", Role::Service);
    world.matched(11, "codex-app-server", Role::Service);
    world.processes[2].uid = Uid::new(1001);
    assert_eq!(world.trees(), ["codex-app-server-10: 10", "codex-app-server-11: 11"]);
}

#[test]
fn a_root_matched_by_another_rule_is_a_new_agent() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.trees();
    world.exec(10, Some("codex"));
    assert_eq!(world.trees(), ["codex-10: 10 11"]);
}

#[test]
fn an_orphan_joins_the_agent_with_its_session() {
    let mut world = World::default().process(1, 0).agent(10, 1).agent(20, 1).process(21, 20);
    let mut world = {
        world.start(30, 1);
        world.start(31, 30);
        world
    };
    assert_eq!(world.trees(), ["claude-10: 10", "claude-20: 20 21"]);
    world.origin(21, "b");
    world.origin(30, "b");
    assert_eq!(world.trees(), ["claude-10: 10", "claude-20: 20 21 30 31"]);
    let trees = world.tracker.update(&world.processes);
    let joined: Vec<MembershipReason> = trees[1].members.iter().map(|m| m.joined).collect();
    assert_eq!(
        joined,
        [
            MembershipReason::Root,
            MembershipReason::Child,
            MembershipReason::Environment,
            MembershipReason::Child
        ]
    );
    assert_eq!(trees[1].agent.resume_session.as_deref(), Some("claude --resume b"));
}

#[test]
fn an_orphan_joins_the_only_possible_agent() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(30, 1).agent(40, 1);
    world.origin(30, "a");
    assert_eq!(world.trees(), ["claude-10: 10 30", "claude-40: 40"], "40 is younger");
    // Agent 10 turns out to have another session: the orphan becomes an entity of its own.
    world.start(41, 10);
    world.origin(41, "b");
    assert_eq!(world.trees(), ["claude-10: 10 41", "claude-30 (dead): 30", "claude-40: 40"]);
}

#[test]
fn an_ambiguous_orphan_is_charged_to_no_agent() {
    let mut world = World::default()
        .process(1, 0)
        .agent(10, 1)
        .agent(20, 1)
        .process(30, 1)
        .process(31, 30)
        .process(32, 1);
    world.origin(30, "a");
    world.origin(32, "a");
    assert_eq!(world.trees(), ["claude-10: 10", "claude-20: 20", "claude-30 (dead): 30 31 32"]);
    // Once that session is known for one of the two, the orphan belongs to it.
    world.start(40, 20);
    world.origin(40, "a");
    assert_eq!(world.trees(), ["claude-10: 10", "claude-20: 20 30 31 32 40"]);
}

#[test]
fn an_inherited_session_is_not_attributed_to_the_root() {
    // 20 was started by a tool of 10, and its helper 21 has inherited 10's session.
    let mut world = World::default().process(1, 0).agent(10, 1).agent(20, 10).process(21, 20).process(30, 1);
    for pid in [20, 21, 30] {
        world.origin(pid, "a");
    }
    assert_eq!(world.trees(), ["claude-10: 10* 30", "claude-20 of claude-10: 20 21"]);
}

#[test]
fn an_orphan_of_another_user_is_not_assigned() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(30, 1);
    world.origin(30, "a");
    world.processes[2].uid = Uid::new(1001);
    assert_eq!(world.trees(), ["claude-10: 10", "claude-30 (dead): 30"]);
}

/// `/clear` begins another conversation in the same process.
#[test]
fn an_agent_can_have_several_sessions() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.origin(11, "a");
    world.trees();
    world.end(11);
    world.start(12, 10);
    world.origin(12, "b");
    for (pid, session) in [(30, "a"), (31, "b")] {
        world.start(pid, 1);
        world.origin(pid, session);
    }
    assert_eq!(world.trees(), ["claude-10: 10 12 30 31"]);
    let agent = &world.tracker.update(&world.processes)[0].agent;
    assert_eq!(agent.resume_session.as_deref(), Some("claude --resume b"), "the newest");
}

#[test]
fn a_session_is_learned_after_reading_the_roots_environment() {
    let mut world = World::default().process(1, 0).agent(10, 1).agent(20, 10).process(21, 20).process(30, 1);
    world.origin(21, "a");
    world.origin(30, "a");
    world.processes[2].environment_read = false;
    world.trees();
    world.processes[2].environment_read = true;
    world.origin(20, "a");
    assert_eq!(world.trees(), ["claude-10: 10* 30", "claude-20 of claude-10: 20 21"]);
}

#[test]
fn a_launcher_has_one_launched_child_at_a_time() {
    let mut world = World::default().process(1, 0).process(10, 1).process(11, 10).process(12, 10);
    for pid in [10, 11, 12] {
        world.matched(pid, "gemini", Role::Launcher);
    }
    assert_eq!(
        world.trees(),
        ["gemini-10: 10* 11", "gemini-12 of gemini-10: 12"],
        "it was started by exec in a tool's shell"
    );
    // Its launched child has exited, and it launches the next.
    world.end(11);
    world.start(13, 10);
    world.matched(13, "gemini", Role::Launcher);
    assert_eq!(world.trees(), ["gemini-10: 10* 13", "gemini-12 of gemini-10: 12"]);
}

#[test]
fn merging_agents_reparents_their_nested_agents() {
    let mut world =
        World::default().process(1, 0).process(10, 1).process(11, 10).process(12, 11).process(13, 12);
    world.matched(11, "codex", Role::Agent);
    world.matched(13, "claude", Role::Agent);
    assert_eq!(world.trees(), ["codex-11: 11* 12*", "claude-13 of codex-11: 13"]);
    world.matched(10, "codex", Role::Launcher);
    assert_eq!(world.trees(), ["codex-10: 10* 11* 12*", "claude-13 of codex-10: 13"]);
}

#[test]
fn an_orphan_that_execs_an_agent_becomes_its_root() {
    let mut world = World::default().process(1, 0).process(30, 1);
    world.origin(30, "a");
    assert_eq!(world.trees(), ["claude-30 (dead): 30"]);
    world.exec(30, Some("claude"));
    assert_eq!(world.trees(), ["claude-30: 30"]);
}

impl World {
    fn session(&mut self, pid: i32, session: i32) {
        self.processes.iter_mut().find(|p| p.key.pid.get() == pid).unwrap().session = Pid::new(session);
    }
}

/// Claude starts a tool's shell as the first process of a session. Its children outlive it and fork further processes.
#[test]
fn an_orphan_in_a_members_session_is_a_member() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10).process(12, 11);
    world.session(11, 11);
    world.session(12, 11);
    assert_eq!(world.trees(), ["claude-10: 10 11 12"]);
    world.end(11);
    // Forked by 12, or by an unobserved child of it.
    world.start(40, 1);
    world.session(40, 11);
    assert_eq!(world.trees(), ["claude-10: 10 12 40"]);
    let joined = world.tracker.update(&world.processes)[0].members[2].clone();
    assert_eq!((joined.joined, joined.lineage), (MembershipReason::Session, vec![key(11, 11), key(10, 10)]));
}

/// All observed members of an agent have exited; a process forked just before is first observed afterwards.
#[test]
fn late_orphans_belong_to_their_exited_agent() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.session(11, 11);
    world.trees();
    world.end(11);
    world.end(10);
    world.start(40, 1);
    world.session(40, 11);
    world.start(41, 40);
    assert_eq!(world.trees(), ["claude-10 (dead): 40 41"]);
    world.end(40);
    assert_eq!(world.trees(), ["claude-10 (dead): 41"]);
    world.end(41);
    assert!(world.trees().is_empty());
}

#[test]
fn sessions_created_by_non_members_assign_no_orphans() {
    // The agent is in its terminal's session.
    let mut world = World::default().process(1, 0).process(5, 1).agent(10, 5).process(30, 1).process(31, 1);
    for pid in [5, 10, 30] {
        world.session(pid, 5);
    }
    world.session(31, 999);
    assert_eq!(world.trees(), ["claude-10: 10"]);
    // The pid of an exited member is reused by a process that creates a session of its own.
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.session(11, 11);
    world.trees();
    world.end(11);
    world.trees();
    let parent = Pid::new(1);
    let stranger = ObservedProcess {
        key: key(11, 900),
        parent,
        session: Pid::new(11),
        uid: Uid::ROOT,
        rule: None,
        origin: None,
        environment_read: true,
        scope: None,
    };
    world.processes.push(stranger);
    world.start(50, 1);
    world.session(50, 11);
    assert_eq!(world.trees(), ["claude-10: 10"]);
}

#[test]
fn a_pinned_agent_keeps_its_rule_until_unpinned() {
    let mut world =
        World::default().process(1, 0).agent(10, 1).process(11, 10).process(12, 11).agent(20, 1).agent(30, 1);
    world.trees();
    world.tracker.pin(|root| root.pid.get() < 30);
    world.exec(10, None);
    world.exec(20, Some("codex"));
    world.exec(30, None);
    // Its descendants remain members after they reparent.
    world.end(11);
    assert_eq!(world.trees(), ["claude-10: 10 12", "claude-20: 20"]);
    assert!(!world.tracker.unpin(|root| root.pid.get() < 30));
    assert_eq!(world.trees(), ["claude-10: 10 12", "claude-20: 20"]);
    assert!(world.tracker.unpin(|_| false));
    assert_eq!(world.trees(), ["codex-20: 20"]);
}

#[test]
fn orphans_in_a_limited_agents_scope_belong_to_it() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(20, 1).process(21, 20).process(9, 1);
    let within = |world: &mut World, pid: i32, root: i32| {
        let process = world.processes.iter_mut().find(|p| p.key.pid.get() == pid).unwrap();
        process.scope = Pid::new(root);
    };
    assert_eq!(world.trees(), ["claude-10: 10"]);
    // Older than the first process of its scope: that pid was reused.
    within(&mut world, 9, 10);
    // The first process of this scope is not an agent.
    within(&mut world, 21, 1);
    assert_eq!(world.trees(), ["claude-10: 10"]);
    within(&mut world, 20, 10);
    assert_eq!(world.trees(), ["claude-10: 10 20 21"]);
    let joined: Vec<_> = world.tracker.update(&world.processes)[0].members.iter().map(|m| m.joined).collect();
    assert_eq!(joined, [MembershipReason::Root, MembershipReason::Scope, MembershipReason::Child]);
}

/// Terminal multiplexers and their descendants are never signalled, so the lineage of orphans matters.
#[test]
fn orphans_found_together_keep_their_lineage() {
    let lineage = |world: &mut World, pid: i32| {
        let trees = world.tracker.update(&world.processes);
        let member = trees[0].members.iter().find(|m| m.key.pid.get() == pid).unwrap();
        member.lineage.iter().map(|key| key.pid.get()).collect::<Vec<_>>()
    };
    let orphans =
        || World::default().process(1, 0).agent(10, 1).process(20, 1).process(21, 20).process(22, 21);
    let mut world = orphans();
    world.processes.iter_mut().filter(|p| p.key.pid.get() >= 10).for_each(|p| p.scope = Pid::new(10));
    world.processes.reverse();
    assert_eq!(lineage(&mut world, 22), [21, 20, 10], "by their scope");

    let mut world = orphans();
    world.origin(22, "one");
    assert_eq!(lineage(&mut world, 22), [10], "the environments of those between were not read yet");
    (20..=21).for_each(|pid| world.origin(pid, "one"));
    world.processes.reverse();
    assert_eq!(lineage(&mut world, 22), [21, 20, 10], "by their environment");

    let mut world = World::default().process(1, 0).agent(10, 1).process(12, 10);
    world.processes[2].session = Pid::new(12);
    world.trees();
    world.end(12);
    for (pid, parent) in [(20, 1), (21, 20), (22, 21)] {
        world.start(pid, parent);
        world.processes.last_mut().unwrap().session = Pid::new(12);
    }
    world.processes.reverse();
    assert_eq!(lineage(&mut world, 22), [21, 20, 12, 10], "by their session");
}

#[test]
fn the_environment_takes_precedence_over_a_shared_scope() {
    let mut world = World::default().process(1, 0).agent(10, 1).agent(11, 10).process(12, 11).process(20, 1);
    world.origin(12, "inner");
    for process in &mut world.processes {
        process.scope = Pid::new(10);
        process.environment_read = process.key.pid.get() != 20;
    }
    assert_eq!(
        world.trees(),
        ["claude-10: 10*", "claude-11 of claude-10: 11 12"],
        "not before its environment was read"
    );
    world.processes.iter_mut().for_each(|process| process.environment_read = true);
    world.origin(20, "inner");
    assert_eq!(world.trees(), ["claude-10: 10*", "claude-11 of claude-10: 11 12 20"]);
}
