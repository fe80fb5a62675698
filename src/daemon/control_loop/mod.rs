//! The loop: glance, look, decide, signal, publish, tell.

pub(crate) mod active_config;
pub(crate) mod commands;
pub(crate) mod schedule;
pub(crate) mod stops;
mod tick;
pub(crate) mod trigger;
pub(crate) mod waker;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::Level;

use super::act::executor::Executor;
use super::act::throttle::{self, Throttle};
use super::config_load::LoadedConfig;
use super::control_loop::active_config::{Settings, Terms, said};
use super::control_loop::commands::{CommandQueue, CommandSender, Reloaded, Request, requests};
use super::error::DaemonError;
use super::options::Options;
use super::report::forecasts::ForecastTracker;
use super::report::history::{self, Record};
use super::report::journal::{Report, Reporter};
use super::report::publisher::Publisher;
use super::report::status::noted;
use super::serve::handlers::{Handlers, Inputs};
use super::serve::status_cache;
use crate::api::history::HistoryInfo;
use crate::api::status::SupervisorInfo;
use crate::linux::memory_alarm::Alarms;
use crate::linux::platform::Platform;
use crate::linux::process::memlock;
use crate::linux::procfs::Proc;
use crate::model::{Boottime, Bytes, MissingFeature, Pid, Snapshot, Thresholds, Uid};
use crate::policy::Engine;
use crate::sampler::Sampler;
use crate::systemd::notify::Notifier;
use waker::Waker;

/// After a wake that failed: long enough not to spin, short enough not to miss much.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Glances may be quicker than newcomers need to be noticed, and the last pid is a file of its own. Timers are not exact.
const STIRRED: Duration = Duration::from_millis(900);

/// What delays a look of ours delays the next one by no more than this.
const LONGEST_REST: Duration = Duration::from_millis(250);

/// Nor by more than this in a danger or an action: we wait for memory as others do, and are who is to end that.
const LONGEST_REST_IN_HURRY: Duration = Duration::from_millis(20);

pub(super) struct Supervisor {
    sampler: Sampler,
    engine: Engine,
    executor: Executor,
    throttle: Throttle,
    publisher: Publisher,
    foresight: ForecastTracker,
    record: Record,
    /// Where what was recorded before we came is to come.
    past: Option<Receiver<HistoryInfo>>,
    reporter: Reporter,
    notifier: Notifier,
    calls: Arc<Waker>,
    /// `None` where its thread could not be started.
    alarms: Option<Alarms>,
    /// What explanations rest on besides what is seen.
    settings: watch::Sender<Arc<Settings>>,
    /// What there is not, for as long as we run.
    lacks: Vec<MissingFeature>,
    inbox: CommandQueue,
    requests: CommandSender,
    info: SupervisorInfo,
    /// When the last look began.
    looked: Instant,
    /// No look begins before: at least as long idle as busy, so that a guest with thousands of processes keeps its
    /// processor.
    rested: Instant,
    /// When it was last asked for newcomers.
    stirred: Boottime,
    failing: bool,
    started: Instant,
}

impl Supervisor {
    pub(super) fn new(
        options: &Options,
        uid: Uid,
        loaded: LoadedConfig,
        reporter: Reporter,
    ) -> Result<Self, DaemonError> {
        let log = |level, text| reporter.tell(Report::Log(level, text));
        if let Err(error) = memlock::lock_on_fault() {
            log(Level::INFO, format!("our memory is not locked, under pressure we may be slow: {error}"));
        }
        // Before anything that may fail for want of it.
        let lacks = Platform::of(&options.proc, &options.cgroup, uid).lacks();
        for lack in &lacks {
            log(if lack.is_shown_in_status() { Level::WARN } else { Level::INFO }, lack.to_string());
        }
        let total = Proc::open(&options.proc)?.guest()?.mem_total;
        let LoadedConfig { config, rules } = loaded;
        let Terms { effective, act, guard, brake, notes, inert } = Terms::of(&config, &rules, total);
        let thresholds = effective.thresholds;
        let only = (uid != Uid::ROOT).then_some(uid);
        let whose = if only.is_some() { "your own agents" } else { "the agents of all users" };
        log(Level::INFO, format!("supervising {whose}, in a guest of {total}: {}", said(thresholds, act)));
        for note in notes.iter().chain(&inert) {
            log(Level::WARN, note.clone());
        }
        let notes = [notes, noted(&lacks).collect()].concat();
        let rules = Arc::new(rules);
        let mut sampler = Sampler::new(&options.proc, &options.cgroup, Arc::clone(&rules), only)?;
        sampler.verify_cgroups_above(thresholds.kill.share(1, 2));
        let engine = Engine::new(thresholds, act, guard);
        let snapshot = sampler.sample_now()?;
        let record = Record::start(options, uid, &reporter);
        let publisher = Publisher::new(snapshot, &engine, &sampler, thresholds, notes);
        let calls = Arc::new(Waker::new()?);
        let (requests, inbox) = requests(Arc::clone(&calls));
        let settings = Settings {
            proc: options.proc.clone(),
            cgroup: options.cgroup.clone(),
            config,
            rules,
            thresholds: effective,
            only,
            supervisor: i32::try_from(std::process::id()).ok().and_then(Pid::new),
        };
        let now = Instant::now();
        Ok(Self {
            sampler,
            engine,
            executor: Executor::open(&options.cgroup)?
                .with_throttles(throttle::start(options, uid, &reporter)),
            throttle: Throttle::new(brake),
            publisher,
            foresight: ForecastTracker::new(),
            past: record.before(),
            record,
            notifier: Notifier::start()?,
            alarms: waker::alarms(options, &calls, &reporter, lacks.contains(&MissingFeature::Pressure)),
            lacks,
            calls,
            reporter,
            settings: watch::Sender::new(Arc::new(settings)),
            inbox,
            requests,
            info: SupervisorInfo::default(),
            looked: now,
            rested: now,
            stirred: Boottime::default(),
            failing: false,
            started: now,
        })
    }

    /// The handlers of the socket's methods.
    pub(super) fn handlers(&mut self, options: &Options, uid: Uid) -> Handlers {
        Handlers::new(Inputs {
            status: self.publisher.updates(),
            events: self.publisher.events(),
            published: self.publisher.seen(),
            settings: self.settings.subscribe(),
            waker: Arc::clone(&self.calls),
            commands: self.requests.clone(),
            history: self.record.clone(),
            reporter: self.reporter.clone(),
            options,
            uid,
        })
    }

    /// Where it is told of alarms, readers, and that it is to end.
    pub(super) fn calls(&self) -> Arc<Waker> {
        Arc::clone(&self.calls)
    }

    /// Supervises until it is called to end.
    pub(super) fn run(&mut self) {
        let mut ready = false;
        while !self.calls.is_ending() {
            let begun = Instant::now();
            let next = self.wake(begun);
            if !ready && !self.failing {
                self.notifier.status(&self.publisher.line(), true);
                self.notifier.ready();
                ready = true;
            }
            self.pause(begun + next);
        }
        self.inbox.close();
        if let Some(brakes) = self.executor.throttles() {
            brakes.remove_all();
        }
        if let Some(wave) = self.engine.finish() {
            let _ = self.executor.send(&wave);
        }
        self.notifier.stopping();
        self.record.close();
        self.reporter.tell(Report::Log(Level::INFO, "stopping".to_owned()));
    }

    /// Until the next wake is due, or somebody calls.
    fn pause(&mut self, planned: Instant) {
        while !self.calls.is_ending() {
            let due = planned.max(self.rested);
            let called = if self.calls.is_alarmed() {
                self.rested
            } else if self.calls.is_asked() {
                self.rested.max(self.spaced())
            } else {
                due
            };
            if !self.calls.wait_until(called.min(due)) {
                break;
            }
        }
        schedule::woke(&mut self.info, planned, Instant::now());
    }

    /// When the next look may begin that a reader causes. One that was not made known was no reader's; one that failed may
    /// have been.
    fn spaced(&self) -> Instant {
        let last = if self.failing { self.looked } else { self.publisher.shown() };
        last + status_cache::SPACING
    }

    /// One wake; how long after its beginning the next one is due.
    fn wake(&mut self, begun: Instant) -> Duration {
        match self.glance(begun) {
            Ok(next) => {
                self.failing = false;
                self.notifier.tick_done();
                if let Some(brakes) = self.executor.throttles() {
                    brakes.heartbeat();
                }
                next
            }
            Err(error) => {
                // Once for a row of failures. The unit's watchdog restarts us when they last.
                if !std::mem::replace(&mut self.failing, true) {
                    self.reporter
                        .tell(Report::Log(Level::ERROR, format!("nothing seen in this tick: {error}")));
                }
                AFTER_FAILURE
            }
        }
    }

    /// Does what was asked for over the socket; what is to be answered when the look that follows is known.
    fn take_up(&mut self, request: Request, total: Bytes) -> Option<(Reloaded, Vec<String>)> {
        match request {
            Request::Stop(stop) => {
                self.inbox.stop(stop, &mut self.engine);
                None
            }
            Request::Reload(loaded, answer) => Some((answer, self.reconfigure(*loaded, total))),
        }
    }

    /// Takes up another configuration. What was seen, and what is under way, stays.
    fn reconfigure(&mut self, loaded: LoadedConfig, total: Bytes) -> Vec<String> {
        let LoadedConfig { config, rules } = loaded;
        let Terms { effective, act, guard, brake, notes, inert } = Terms::of(&config, &rules, total);
        let (thresholds, rules) = (effective.thresholds, Arc::new(rules));
        self.engine.reconfigure(thresholds, act, guard);
        self.throttle.set_enabled(brake);
        self.sampler.reconfigure(Arc::clone(&rules));
        // What has begun is brought to its end under the rule that it was begun with.
        self.sampler.pin_rules_of(|root| self.engine.is_action_in_progress(root));
        self.sampler.verify_cgroups_above(thresholds.kill.share(1, 2));
        self.publisher.reconfigure(thresholds, notes.iter().cloned().chain(noted(&self.lacks)).collect());
        self.settings.send_modify(|settings| {
            *settings =
                Arc::new(Settings { config, rules, thresholds: effective, ..Settings::clone(settings) });
        });
        let log = |level, text| self.reporter.tell(Report::Log(level, text));
        log(Level::INFO, format!("the configuration was read anew: {}", said(thresholds, act)));
        let notes = [notes, inert].concat();
        for note in &notes {
            log(Level::WARN, note.clone());
        }
        notes
    }

    /// Goes on from what was recorded before we came, once that is there; whether it is waited for no more.
    fn recalls(&mut self, snapshot: &Snapshot, thresholds: Thresholds) -> bool {
        let Some(past) = &self.past else { return true };
        match past.try_recv() {
            Ok(history) => self.foresight.recall(&history, snapshot, thresholds),
            Err(TryRecvError::Empty) if self.started.elapsed() < history::RECALL => return false,
            Err(_) => {}
        }
        self.past = None;
        true
    }

    /// Holds limited agents back, or lets them go, as this look asks for; what is to be told of it.
    fn hold(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let Some(brakes) = self.executor.throttles() else { return Vec::new() };
        self.throttle.update(snapshot, self.publisher.thresholds(), &self.engine, brakes)
    }

    fn decide(&mut self, snapshot: Snapshot, told: bool) -> Duration {
        let step = self.engine.step(&snapshot);
        // Nothing stands between the decision and its signals.
        let outcome = step.signals.as_ref().map(|signals| self.executor.send(signals));
        let held = self.hold(&snapshot);
        let next = step.next_poll;
        let mut events = step.into_events(outcome, &snapshot);
        let thresholds = self.publisher.thresholds();
        let foretold =
            self.recalls(&snapshot, thresholds).then(|| self.foresight.take(&snapshot, thresholds)).flatten();
        if foretold.is_some() {
            self.engine.set_forecast(self.foresight.outlook());
            self.record.look(snapshot.at, &self.foresight);
        }
        events.extend(foretold.into_iter().flatten());
        self.sampler.unpin_rules_except(|root| self.engine.is_action_in_progress(root));
        for event in &events {
            self.publisher.record(event, &self.sampler);
        }
        for news in self.sampler.drain_new_warnings().into_iter().chain(held) {
            self.reporter.tell(Report::Log(Level::WARN, news));
        }
        if let Some(alarms) = &self.alarms {
            let own = snapshot.agents.iter().filter_map(|agent| agent.cgroup.as_ref());
            alarms.watch(own.map(|cgroup| cgroup.path.clone()).collect());
        }
        // Who has asked meanwhile need not wait for the next look.
        let told = told || self.calls.is_asked();
        if told || !events.is_empty() || self.publisher.is_due() || self.reporter.has_screen() {
            self.info.memory_taken_back = self.executor.released().processes;
            let line = self.publisher.publish(
                self.looked,
                snapshot,
                &self.engine,
                &self.sampler,
                &self.foresight,
                self.info,
            );
            self.notifier.status(&line, !events.is_empty());
            self.reporter.show(line);
        }
        // Whoever is answered or told may ask for the status at once.
        let (publisher, engine) = (&self.publisher, &self.engine);
        publisher.announce(&events);
        self.inbox.answer(&events, |action| publisher.action(action), |root| engine.is_requested(root));
        for event in events {
            self.reporter.tell(Report::Event(Box::new(event)));
        }
        next
    }
}
