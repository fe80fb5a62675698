//! Which limited agents are held back just below their limit, look by look.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use tracing::Level;

use crate::daemon::options::Options;
use crate::daemon::report::journal::{Report, Reporter};
use crate::limit::{self, Acting, Held, Order, SLICE, Throttle};
use crate::linux::brake::{Brakes, MOST};
use crate::linux::cgroup::Cgroups;
use crate::model::{AgentRef, AgentSample, Bytes, Snapshot, Thresholds, Uid};
use crate::systemd::notify;

/// The brakes of all scopes of ours that one agent has for itself.
#[derive(Debug)]
pub(crate) struct Braking {
    on: bool,
    scopes: HashMap<PathBuf, Throttle>,
    /// It was told that some cannot be held.
    crowded: bool,
}

impl Braking {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, scopes: HashMap::new(), crowded: false }
    }

    /// From the next look on it holds agents back, or nobody any more.
    pub(crate) fn switch(&mut self, on: bool) {
        self.on = on;
    }

    /// Sets and lifts what this look asks for; what is to be told of it.
    pub(crate) fn look(
        &mut self,
        snapshot: &Snapshot,
        thresholds: Thresholds,
        acting: impl Fn(&AgentRef) -> Acting,
        brakes: &mut Brakes,
    ) -> Vec<String> {
        let agents = snapshot.agents.iter().filter(|_| self.on);
        let limited: Vec<Limited<'_>> = agents.filter_map(|sample| Limited::of(sample, thresholds)).collect();
        let all = limited.len();
        let limited = nearest(limited, MOST);
        let left_out = all - limited.len();
        let paths: Vec<&Path> = limited.iter().map(|limited| limited.path).collect();
        brakes.keep(&paths);
        self.scopes.retain(|path, _| paths.contains(&path.as_path()));
        let mut told = Vec::new();
        if left_out > 0 && !self.crowded {
            told.push(format!("{MOST} limited agents are held back at the most: {left_out} are not, those furthest from their limit"));
        }
        self.crowded = left_out > 0;
        for Limited { agent, path, limit, high, held, high_events, is_over } in limited {
            let brake = self.scopes.entry(path.to_owned()).or_default();
            let acting = acting(agent);
            match brake.look(Held { at: snapshot.at, limit, high, held, high_events, is_over, acting }) {
                // Where it cannot be done now, a later look finds that and asks anew.
                Some(Order::Set(at)) => {
                    brakes.set(path, at);
                }
                Some(Order::Lift) => brakes.lift(path),
                Some(Order::LetGo) => {
                    brakes.lift(path);
                    told.push(let_go(agent, limit));
                }
                None => {}
            }
        }
        told
    }
}

/// An agent with a scope of ours for itself.
struct Limited<'a> {
    agent: &'a AgentRef,
    path: &'a Path,
    limit: Bytes,
    high: Option<Bytes>,
    /// Page cache aside.
    held: Bytes,
    high_events: u64,
    is_over: bool,
}

impl<'a> Limited<'a> {
    fn of(sample: &'a AgentSample, thresholds: Thresholds) -> Option<Self> {
        let cgroup = sample.cgroup.as_ref()?;
        // A user's own manager, and a container's, have such slices too, and their scopes nobody lifts after us.
        let name = limit::scope_of(&cgroup.path)?;
        let is_scope = cgroup.path == Path::new("/").join(SLICE).join(name);
        Some(Self {
            agent: &sample.agent,
            path: &cgroup.path,
            limit: cgroup.max.filter(|_| is_scope)?,
            high: cgroup.high,
            held: cgroup.current.saturating_sub(cgroup.cache),
            high_events: cgroup.high_events,
            is_over: sample.charge.total() >= sample.thresholds(thresholds).kill,
        })
    }
}

/// So many of them: of each user as many as of any other, and those that have least left.
fn nearest(mut limited: Vec<Limited<'_>>, most: usize) -> Vec<Limited<'_>> {
    if limited.len() <= most {
        return limited;
    }
    limited.sort_by_key(|l| l.limit.saturating_sub(l.held));
    let mut seen: HashMap<Uid, usize> = HashMap::new();
    let mut turns: Vec<(usize, Limited<'_>)> = limited
        .into_iter()
        .map(|l| {
            let turn = seen.entry(l.agent.uid.account()).or_default();
            *turn += 1;
            (*turn, l)
        })
        .collect();
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().take(most).map(|(_, l)| l).collect()
}

fn let_go(agent: &AgentRef, limit: Bytes) -> String {
    format!(
        "{}: held back at {} of its limit of {limit}, and nobody is to blame: it goes on, up to the limit",
        agent.id,
        Throttle::place(limit)
    )
}

/// The brakes, where somebody lifts them after us: held by a supervisor that is no more, an agent would hang. The unit
/// does that (`ExecStopPost=`), so it is the service that has brakes. What one before us has left is lifted.
pub(crate) fn start(options: &Options, uid: Uid, reporter: &Reporter) -> Option<Brakes> {
    // Not one that somebody starts beside it, to see what it would do.
    if uid != Uid::ROOT || !notify::is_expected() {
        return None;
    }
    let log = |level, text| reporter.tell(Report::Log(level, text));
    match lift_brakes(&options.cgroup) {
        Ok(0) => {}
        Ok(lifted) => {
            log(Level::WARN, format!("held back by a supervisor that crashed, and let go: {lifted}"));
        }
        Err(error) => log(Level::ERROR, format!("a brake of a supervisor that crashed stays: {error}")),
    }
    let brakes = Brakes::start(&options.cgroup);
    brakes.unwrap_or_else(|error| {
        log(Level::INFO, format!("no agent is held back below its limit: {error}"));
        None
    })
}

/// Lets all go that a supervisor has left held: one that crashed lifts nothing.
///
/// # Errors
/// Where one is refused; the others are lifted all the same.
pub fn lift_brakes(cgroup: &Path) -> io::Result<usize> {
    let Some(cgroups) = Cgroups::open(cgroup) else { return Ok(0) };
    let slice = Path::new("/").join(SLICE);
    let (mut lifted, mut refused) = (0, None);
    let scopes = cgroups.below(&slice).into_iter().filter(|(name, _)| limit::is_scope(name));
    for (name, _) in scopes {
        match cgroups.unbrake(&slice.join(name)) {
            Ok(was_held) => lifted += usize::from(was_held),
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(lifted), Err)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::model::{AgentId, Boottime, CgroupMemory, Charge, Pid, ProcessKey};

    const LIMIT: Bytes = Bytes::mib(320);

    struct World {
        root: tempfile::TempDir,
        brakes: Brakes,
        braking: Braking,
        snapshot: Snapshot,
    }

    impl World {
        /// Agents in scopes of ours, in a slice of somebody else's, and in none.
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join("cgroup.controllers"), "memory\n").unwrap();
            let paths = [
                "/agents.slice/agent-a-1.scope",
                "/user.slice/agent-b-2.scope",
                "/agents.slice/x.scope",
                "/machine.slice/agents.slice/agent-c-4.scope",
                "/agents.slice/agent-d-5.scope/below",
            ];
            let mut snapshot = Snapshot::default();
            for (number, path) in (1..).zip(paths) {
                let folder = root.path().join(&path[1..]);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("memory.high"), "max").unwrap();
                snapshot.agents.push(sample(number, path));
            }
            let brakes = Brakes::start(root.path()).unwrap().unwrap();
            Self { root, brakes, braking: Braking::new(true), snapshot }
        }

        fn look(&mut self, second: u64, held: Bytes, acting: Acting) -> Vec<String> {
            self.snapshot.at = Boottime::new(Duration::from_secs(second));
            let high = self.high();
            let cgroup = self.snapshot.agents[0].cgroup.as_mut().unwrap();
            cgroup.current = held + cgroup.cache;
            cgroup.high_events += u64::from(high.is_some_and(|high| cgroup.current >= high));
            cgroup.high = high;
            let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
            self.braking.look(&self.snapshot, thresholds, |_| acting, &mut self.brakes)
        }

        /// What the file of the first one has; behind a shorter word the rest of a longer one stays there.
        fn high(&self) -> Option<Bytes> {
            let text = fs::read_to_string(self.root.path().join("agents.slice/agent-a-1.scope/memory.high"))
                .unwrap();
            (!text.starts_with("max")).then(|| Bytes::new(text.parse().unwrap()))
        }

        /// `memory.high`, soon.
        fn says(&self, number: usize, text: &str) -> bool {
            let path = &self.snapshot.agents[number].cgroup.as_ref().unwrap().path;
            let file = self.root.path().join(path.strip_prefix("/").unwrap()).join("memory.high");
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(20) {
                if fs::read_to_string(&file).unwrap().starts_with(text) {
                    return true;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            false
        }
    }

    fn sample(pid: i32, path: &str) -> AgentSample {
        let root = ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 1 };
        let agent = AgentRef {
            id: AgentId::new("claude", root),
            rule: "claude".to_owned(),
            root,
            uid: Uid::new(1000),
            resume: None,
            resume_session: None,
        };
        AgentSample {
            agent,
            parent: None,
            started_by: None,
            spawner: None,
            root_alive: true,
            members: Vec::new(),
            charge: Charge::default(),
            unverified: Bytes::ZERO,
            scope: None,
            cgroup: Some(CgroupMemory {
                alone: true,
                path: PathBuf::from(path),
                charge: Charge::default(),
                current: Bytes::mib(100),
                cache: Bytes::mib(200),
                max: Some(LIMIT),
                high: None,
                high_events: 0,
                killed: 0,
            }),
        }
    }

    #[test]
    fn only_scopes_of_ours_are_held() {
        let mut world = World::new();
        assert_eq!(world.look(0, Bytes::mib(100), Acting::Nobody), [""; 0]);
        let place = Throttle::place(LIMIT).get().to_string();
        assert!(world.says(0, &place));
        // Whatever it was handed, it has carried out by then.
        assert_eq!(world.brakes.scopes(), [Path::new("/agents.slice/agent-a-1.scope")]);
        assert!((1..5).all(|number| world.says(number, "max")));
        assert_eq!(lift_brakes(world.root.path()).unwrap(), 1);
        assert_eq!(lift_brakes(world.root.path()).unwrap(), 0);
        assert_eq!(lift_brakes(Path::new("/nowhere")).unwrap(), 0);
    }

    #[test]
    fn cache_holds_nobody_back_and_who_is_let_go_is_told_of_once() {
        let mut world = World::new();
        let high = Bytes::mib(316);
        assert_eq!(world.look(0, high, Acting::Nobody), [""; 0]);
        assert!(world.says(0, &Throttle::place(LIMIT).get().to_string()));
        for second in 1..4 {
            assert_eq!(world.look(second, high, Acting::Nobody), [""; 0]);
        }
        assert_eq!(world.look(4, Bytes::mib(200), Acting::Nobody), [""; 0], "cache of 200M is not counted");
        for second in 5..9 {
            assert_eq!(world.look(second, high, Acting::Nobody), [""; 0]);
        }
        let told = world.look(9, high, Acting::Nobody);
        let place = Throttle::place(LIMIT);
        assert_eq!(
            told,
            [format!(
                "claude-1: held back at {place} of its limit of {LIMIT}, and nobody is to blame: it goes on, up to the limit"
            )]
        );
        assert!(world.says(0, "max"));
        assert_eq!(world.look(10, high, Acting::Nobody), [""; 0]);
    }

    #[test]
    fn who_is_acted_upon_or_not_to_be_held_is_free() {
        let mut world = World::new();
        let place = Throttle::place(LIMIT).get().to_string();
        let _ = world.look(0, Bytes::mib(100), Acting::Nobody);
        assert!(world.says(0, &place));
        let _ = world.look(1, Bytes::mib(100), Acting::This);
        assert!(world.says(0, "max"));
        let _ = world.look(2, Bytes::mib(100), Acting::Nobody);
        assert!(world.says(0, &place));
        world.brakes.lift_all();
        let _ = world.look(3, Bytes::mib(100), Acting::Nobody);
        assert!(world.says(0, &place), "by a wave for somebody else: set anew");
        world.braking.switch(false);
        let _ = world.look(4, Bytes::mib(100), Acting::Nobody);
        assert!(world.says(0, "max"));
        world.braking.switch(true);
        let _ = world.look(5, Bytes::mib(100), Acting::Nobody);
        assert!(world.says(0, &place));
        world.snapshot.agents[0].cgroup.as_mut().unwrap().max = None;
        let _ = world.look(6, Bytes::mib(100), Acting::Nobody);
        assert!(world.says(0, "max"));
    }

    #[test]
    fn where_not_all_can_be_held_each_user_has_as_many_and_those_that_are_near() {
        let limited = |uid: u32, pid: i32, held: u64| {
            let mut sample = sample(pid, &format!("/agents.slice/agent-a-{pid}.scope"));
            sample.agent.uid = Uid::new(uid);
            sample.cgroup.as_mut().unwrap().current = Bytes::mib(200 + held);
            sample
        };
        let mut samples: Vec<_> = (1..=10).map(|n| limited(1000, n, n.unsigned_abs().into())).collect();
        samples.push(limited(1001, 11, 0));
        let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
        let all = || samples.iter().filter_map(|sample| Limited::of(sample, thresholds)).collect::<Vec<_>>();
        let held = |most| nearest(all(), most).iter().map(|l| l.agent.root.pid.get()).collect::<Vec<_>>();
        assert_eq!(held(11).len(), 11);
        assert_eq!(held(4), [10, 11, 9, 8]);
    }

    #[test]
    fn that_some_are_not_held_is_said_once() {
        let mut world = World::new();
        let many = (0..200).map(|n| sample(1000 + n, &format!("/agents.slice/agent-b-{n}.scope")));
        world.snapshot.agents.extend(many);
        let told = world.look(0, Bytes::mib(100), Acting::Nobody);
        assert!(told.len() == 1 && told[0].contains("128"), "{told:?}");
        assert_eq!(world.look(1, Bytes::mib(100), Acting::Nobody), [""; 0]);
    }
}
