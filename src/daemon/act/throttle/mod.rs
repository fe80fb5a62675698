//! Throttles limited agents just below their limit until a decision is made.
//!
//! `policy` decides from samples, `cgroup` writes `memory.high`, this file joins them.

mod cgroup;
mod policy;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use tracing::Level;

use crate::daemon::options::Options;
use crate::daemon::report::journal::{Report, Reporter};
use crate::limit::{self, SLICE};
use crate::linux::cgroup::Cgroups;
use crate::model::{AgentRef, AgentSample, Bytes, Snapshot, Thresholds, Uid};
use crate::policy::Engine;
use crate::systemd::notify;
pub use cgroup::CgroupThrottles;
use cgroup::{MAX_THROTTLED_CGROUPS, remove_leftover};
use policy::{OngoingAction, ThrottleInput, ThrottleOrder, ThrottlePolicy};

/// The throttles of all our scopes that contain a single agent.
#[derive(Debug)]
pub(crate) struct Throttle {
    is_enabled: bool,
    scopes: HashMap<PathBuf, ThrottlePolicy>,
    /// It was logged that there are more limited agents than can be throttled.
    left_out_reported: bool,
}

impl Throttle {
    pub(crate) fn new(is_enabled: bool) -> Self {
        Self { is_enabled, scopes: HashMap::new(), left_out_reported: false }
    }

    /// Takes effect with the next sample.
    pub(crate) fn set_enabled(&mut self, is_enabled: bool) {
        self.is_enabled = is_enabled;
    }

    /// Sets and removes throttles as this snapshot requires. Returns the warnings to log.
    pub(crate) fn update(
        &mut self,
        snapshot: &Snapshot,
        thresholds: Thresholds,
        engine: &Engine,
        throttles: &mut CgroupThrottles,
    ) -> Vec<String> {
        let action = |agent: &AgentRef| match engine.action_target() {
            _ if engine.is_action_in_progress(agent.root) => OngoingAction::This,
            Some(_) => OngoingAction::Other,
            None => OngoingAction::None,
        };
        self.step(snapshot, thresholds, action, throttles)
    }

    fn step(
        &mut self,
        snapshot: &Snapshot,
        thresholds: Thresholds,
        action: impl Fn(&AgentRef) -> OngoingAction,
        throttles: &mut CgroupThrottles,
    ) -> Vec<String> {
        let agents = snapshot.agents.iter().filter(|_| self.is_enabled);
        let limited: Vec<LimitedAgent<'_>> = agents
            .filter_map(|sample| LimitedAgent::from_sample(sample, thresholds, snapshot, &action))
            .collect();
        let all = limited.len();
        let limited = select(limited, MAX_THROTTLED_CGROUPS);
        let left_out = all - limited.len();
        let paths: Vec<&Path> = limited.iter().map(|limited| limited.path).collect();
        throttles.retain(&paths);
        self.scopes.retain(|path, _| paths.contains(&path.as_path()));
        let mut warnings = Vec::new();
        if left_out > 0 && !self.left_out_reported {
            warnings.push(format!(
                "at most {MAX_THROTTLED_CGROUPS} limited agents are throttled: {left_out} are not, those furthest from their limit"
            ));
        }
        self.left_out_reported = left_out > 0;
        for LimitedAgent { agent, path, input } in limited {
            match self.scopes.entry(path.to_owned()).or_default().step(input) {
                // If the order is not accepted now, a later sample finds that and repeats it.
                Some(ThrottleOrder::Set(at)) => {
                    throttles.set(path, at);
                }
                Some(ThrottleOrder::Remove) => throttles.remove(path),
                Some(ThrottleOrder::GiveUp) => {
                    throttles.remove(path);
                    warnings.push(give_up_text(agent, input.limit));
                }
                None => {}
            }
        }
        warnings
    }
}

/// An agent that has one of our scopes to itself.
struct LimitedAgent<'a> {
    agent: &'a AgentRef,
    path: &'a Path,
    input: ThrottleInput,
}

impl<'a> LimitedAgent<'a> {
    fn from_sample(
        sample: &'a AgentSample,
        thresholds: Thresholds,
        snapshot: &Snapshot,
        action: &impl Fn(&AgentRef) -> OngoingAction,
    ) -> Option<Self> {
        let cgroup = sample.cgroup.as_ref()?;
        // A user manager and a container have such slices as well; throttles there would outlive a crash of the daemon.
        let name = limit::scope_of(&cgroup.path)?;
        let is_scope = cgroup.path == Path::new("/").join(SLICE).join(name);
        let limit = cgroup.max.filter(|_| is_scope)?;
        let input = ThrottleInput {
            at: snapshot.at,
            limit,
            high: cgroup.high,
            in_use: cgroup.current.saturating_sub(cgroup.cache),
            high_events: cgroup.high_events,
            is_over_kill_threshold: sample.charge.total() >= sample.thresholds(thresholds).kill,
            action: action(&sample.agent),
        };
        Some(Self { agent: &sample.agent, path: &cgroup.path, input })
    }
}

/// The `max` agents to throttle: the same number for each user, those closest to their limit first.
fn select(mut limited: Vec<LimitedAgent<'_>>, max: usize) -> Vec<LimitedAgent<'_>> {
    if limited.len() <= max {
        return limited;
    }
    limited.sort_by_key(|l| l.input.limit.saturating_sub(l.input.in_use));
    let mut ranks: HashMap<Uid, usize> = HashMap::new();
    let mut ranked: Vec<(usize, LimitedAgent<'_>)> = limited
        .into_iter()
        .map(|l| {
            let rank = ranks.entry(l.agent.uid.account()).or_default();
            *rank += 1;
            (*rank, l)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().take(max).map(|(_, l)| l).collect()
}

fn give_up_text(agent: &AgentRef, limit: Bytes) -> String {
    let position = ThrottlePolicy::position(limit);
    format!("{}: throttling lifted at {position} of {limit}: no process to kill was identified", agent.id)
}

/// Starts throttling and removes the throttles that a crashed daemon left. `None` unless the unit runs us: after a crash its
/// `ExecStopPost=` removes the throttles, without which a throttled agent would hang.
pub(crate) fn start(options: &Options, uid: Uid, reporter: &Reporter) -> Option<CgroupThrottles> {
    // A daemon that root starts by hand beside the service throttles nothing.
    if uid != Uid::ROOT || !notify::is_expected() {
        return None;
    }
    let log = |level, text| reporter.report(Report::Log(level, text));
    match release_throttles(&options.cgroup) {
        Ok(0) => {}
        Ok(count) => log(Level::WARN, format!("released {count} cgroups throttled by a crashed daemon")),
        Err(error) => {
            log(Level::ERROR, format!("cannot release a cgroup throttled by a crashed daemon: {error}"));
        }
    }
    let throttles = CgroupThrottles::start(&options.cgroup);
    throttles.unwrap_or_else(|error| {
        log(Level::INFO, format!("limited agents are not throttled below their limit: {error}"));
        None
    })
}

/// Removes the throttles that a crashed daemon left in `agents.slice` below `cgroup`. Returns their number.
///
/// # Errors
/// A throttle cannot be removed; the others are removed nevertheless.
pub fn release_throttles(cgroup: &Path) -> io::Result<usize> {
    let Some(cgroups) = Cgroups::open(cgroup) else { return Ok(0) };
    let slice = Path::new("/").join(SLICE);
    let (mut removed, mut refused) = (0, None);
    let scopes = cgroups.children(&slice).into_iter().filter(|(name, _)| limit::is_scope(name));
    for (name, _) in scopes {
        match remove_leftover(&cgroups, &slice.join(name)) {
            Ok(was_throttled) => removed += usize::from(was_throttled),
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(removed), Err)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::model::{Boottime, CgroupMemory, Charge, testing};

    const LIMIT: Bytes = Bytes::mib(320);

    struct World {
        root: tempfile::TempDir,
        throttles: CgroupThrottles,
        throttle: Throttle,
        snapshot: Snapshot,
    }

    impl World {
        /// Agents in scopes of ours, in a foreign slice, and in no scope.
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
            let throttles = CgroupThrottles::start(root.path()).unwrap().unwrap();
            Self { root, throttles, throttle: Throttle::new(true), snapshot }
        }

        fn step(&mut self, second: u64, in_use: Bytes, action: OngoingAction) -> Vec<String> {
            self.snapshot.at = Boottime::new(Duration::from_secs(second));
            let high = self.high();
            let cgroup = self.snapshot.agents[0].cgroup.as_mut().unwrap();
            cgroup.current = in_use + cgroup.cache;
            cgroup.high_events += u64::from(high.is_some_and(|high| cgroup.current >= high));
            cgroup.high = high;
            let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
            self.throttle.step(&self.snapshot, thresholds, |_| action, &mut self.throttles)
        }

        /// `memory.high` of the first scope. A shorter text leaves the rest of a longer one behind in a regular file.
        fn high(&self) -> Option<Bytes> {
            let text = fs::read_to_string(self.root.path().join("agents.slice/agent-a-1.scope/memory.high"))
                .unwrap();
            (!text.starts_with("max")).then(|| Bytes::new(text.parse().unwrap()))
        }

        /// Whether `memory.high` reads `text` within 20 s.
        fn reads(&self, number: usize, text: &str) -> bool {
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
        AgentSample {
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
            ..testing::sample(pid, Vec::new())
        }
    }

    #[test]
    fn only_scopes_of_ours_are_throttled() {
        let mut world = World::new();
        assert_eq!(world.step(0, Bytes::mib(100), OngoingAction::None), [""; 0]);
        let position = ThrottlePolicy::position(LIMIT).get().to_string();
        assert!(world.reads(0, &position));
        // All queued orders were executed by then.
        assert_eq!(world.throttles.scopes(), [Path::new("/agents.slice/agent-a-1.scope")]);
        assert!((1..5).all(|number| world.reads(number, "max")));
        assert_eq!(release_throttles(world.root.path()).unwrap(), 1);
        assert_eq!(release_throttles(world.root.path()).unwrap(), 0);
        assert_eq!(release_throttles(Path::new("/nowhere")).unwrap(), 0);
    }

    #[test]
    fn page_cache_never_throttles_and_giving_up_is_logged_once() {
        let mut world = World::new();
        let high = Bytes::mib(316);
        assert_eq!(world.step(0, high, OngoingAction::None), [""; 0]);
        assert!(world.reads(0, &ThrottlePolicy::position(LIMIT).get().to_string()));
        for second in 1..4 {
            assert_eq!(world.step(second, high, OngoingAction::None), [""; 0]);
        }
        assert_eq!(
            world.step(4, Bytes::mib(200), OngoingAction::None),
            [""; 0],
            "cache of 200M is not counted"
        );
        for second in 5..9 {
            assert_eq!(world.step(second, high, OngoingAction::None), [""; 0]);
        }
        let warnings = world.step(9, high, OngoingAction::None);
        let position = ThrottlePolicy::position(LIMIT);
        assert_eq!(
            warnings,
            [format!(
                "claude-1: throttling lifted at {position} of {LIMIT}: no process to kill was identified"
            )]
        );
        assert!(world.reads(0, "max"));
        assert_eq!(world.step(10, high, OngoingAction::None), [""; 0]);
    }

    #[test]
    fn an_action_or_a_reload_removes_the_throttle() {
        let mut world = World::new();
        let position = ThrottlePolicy::position(LIMIT).get().to_string();
        let _ = world.step(0, Bytes::mib(100), OngoingAction::None);
        assert!(world.reads(0, &position));
        let _ = world.step(1, Bytes::mib(100), OngoingAction::This);
        assert!(world.reads(0, "max"));
        let _ = world.step(2, Bytes::mib(100), OngoingAction::None);
        assert!(world.reads(0, &position));
        world.throttles.remove_all();
        let _ = world.step(3, Bytes::mib(100), OngoingAction::None);
        assert!(world.reads(0, &position), "removed by another action: set again");
        world.throttle.set_enabled(false);
        let _ = world.step(4, Bytes::mib(100), OngoingAction::None);
        assert!(world.reads(0, "max"));
        world.throttle.set_enabled(true);
        let _ = world.step(5, Bytes::mib(100), OngoingAction::None);
        assert!(world.reads(0, &position));
        world.snapshot.agents[0].cgroup.as_mut().unwrap().max = None;
        let _ = world.step(6, Bytes::mib(100), OngoingAction::None);
        assert!(world.reads(0, "max"));
    }

    #[test]
    fn slots_are_shared_between_users_nearest_first() {
        let limited = |uid: u32, pid: i32, in_use: u64| {
            let mut sample = sample(pid, &format!("/agents.slice/agent-a-{pid}.scope"));
            sample.agent.uid = Uid::new(uid);
            sample.cgroup.as_mut().unwrap().current = Bytes::mib(200 + in_use);
            sample
        };
        let mut samples: Vec<_> = (1..=10).map(|n| limited(1000, n, n.unsigned_abs().into())).collect();
        samples.push(limited(1001, 11, 0));
        let thresholds = Thresholds { warn: Bytes::gib(8), kill: Bytes::gib(13) };
        let world = Snapshot::default();
        let all = || {
            samples
                .iter()
                .filter_map(|sample| {
                    LimitedAgent::from_sample(sample, thresholds, &world, &|_: &AgentRef| OngoingAction::None)
                })
                .collect::<Vec<_>>()
        };
        let in_use = |max| select(all(), max).iter().map(|l| l.agent.root.pid.get()).collect::<Vec<_>>();
        assert_eq!(in_use(11).len(), 11);
        assert_eq!(in_use(4), [10, 11, 9, 8]);
    }

    #[test]
    fn agents_left_out_are_logged_once() {
        let mut world = World::new();
        let many = (0..200).map(|n| sample(1000 + n, &format!("/agents.slice/agent-b-{n}.scope")));
        world.snapshot.agents.extend(many);
        let warnings = world.step(0, Bytes::mib(100), OngoingAction::None);
        assert!(warnings.len() == 1 && warnings[0].contains("128"), "{warnings:?}");
        assert_eq!(world.step(1, Bytes::mib(100), OngoingAction::None), [""; 0]);
    }
}
