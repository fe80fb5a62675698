use super::*;
use crate::model::Role;

/// A world of processes: pid, start and parent, and which of them a rule recognises.
#[derive(Default)]
struct World {
    processes: Vec<Seen>,
    census: Census,
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
        self.processes.push(Seen { key, parent: Pid::new(parent), uid: Uid::new(1000), rule: None });
    }

    fn exec(&mut self, pid: i32, rule: Option<&str>) {
        let process = self.processes.iter_mut().find(|p| p.key.pid.get() == pid).unwrap();
        process.rule =
            rule.map(|rule| Arc::new(Recognised { rule: rule.to_owned(), role: Role::Agent, resume: None }));
    }

    /// Ends a process; its children become those of process 1.
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
                .map(|m| format!("{}{}", m.key.pid, if m.carries_agent { "*" } else { "" }))
                .collect();
            let parent = tree.parent.as_ref().map(|p| format!(" of {}", p.id)).unwrap_or_default();
            let dead = if tree.root_alive { "" } else { " (dead)" };
            format!("{}{parent}{dead}: {}", tree.agent.id, members.join(" "))
        };
        self.census.update(&self.processes).iter().map(describe).collect()
    }
}

#[test]
fn descendants_belong_to_the_nearest_agent_above() {
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
fn a_member_stays_when_it_reparents() {
    let mut world =
        World::default().process(1, 0).agent(10, 1).process(11, 10).process(12, 11).process(13, 12);
    world.trees();
    world.end(11);
    assert_eq!(world.trees(), ["claude-10: 10 12 13"]);
    world.start(14, 12);
    assert_eq!(world.trees(), ["claude-10: 10 12 13 14"], "and what it starts later too");
    let lineage = world.census.lineage(key(14, 14));
    assert_eq!(lineage, [key(12, 12), key(11, 11), key(10, 10)], "the dead one is remembered");
}

#[test]
fn orphans_of_a_dead_agent_stay_its_own_until_the_last_is_gone() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.trees();
    world.end(10);
    assert_eq!(world.trees(), ["claude-10 (dead): 11"]);
    world.end(11);
    assert!(world.trees().is_empty());
    assert!(world.census.members.is_empty(), "nothing is kept of it");
}

#[test]
fn an_agent_started_by_an_agent_is_its_own() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10).agent(12, 11).process(13, 12);
    assert_eq!(world.trees(), ["claude-10: 10* 11*", "claude-12 of claude-10: 12 13"]);
    world.end(12);
    assert_eq!(world.trees(), ["claude-10: 10 11", "claude-12 of claude-10 (dead): 13"]);
}

#[test]
fn a_shell_that_becomes_an_agent_takes_its_children_along() {
    let mut world =
        World::default().process(1, 0).agent(10, 1).process(11, 10).process(12, 11).process(14, 10);
    world.trees();
    world.exec(11, Some("claude"));
    assert_eq!(world.trees(), ["claude-10: 10* 14", "claude-11 of claude-10: 11 12"]);
}

#[test]
fn an_agent_that_becomes_something_else_is_none_any_more() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.trees();
    world.exec(10, None);
    assert!(world.trees().is_empty());
}

#[test]
fn a_reused_pid_is_no_member() {
    let mut world = World::default().process(1, 0).agent(10, 1).process(11, 10);
    world.trees();
    world.end(11);
    world.processes.push(Seen { key: key(11, 900), parent: Pid::new(1), uid: Uid::ROOT, rule: None });
    assert_eq!(world.trees(), ["claude-10: 10"]);
    // A child that names a parent younger than itself: the parent's pid was reused between two reads.
    world.processes.push(Seen { key: key(50, 5), parent: Pid::new(10), uid: Uid::ROOT, rule: None });
    assert_eq!(world.trees(), ["claude-10: 10"]);
}

#[test]
fn a_loop_of_parents_ends() {
    let mut world = World::default();
    for (pid, parent) in [(10, 11), (11, 10)] {
        let process = Seen { key: key(pid, 7), parent: Pid::new(parent), uid: Uid::ROOT, rule: None };
        world.processes.push(process);
    }
    assert!(world.trees().is_empty());
}
