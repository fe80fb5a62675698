//! The control loop. It runs on the main thread and waits in one `ppoll` only, for its clock and its waker.
//!
//! ```text
//!  clock, PSI and cgroup alarms,          commands (stop, reload)
//!  status readers, shutdown                        │
//!          │                                       ▼
//!        waker ──► poll memory ──► trigger? ──► sample ──► decide ──► signal ──► throttle
//!          ▲           sampler     schedule     sampler    policy     act        act
//!          │                          │ no                                         │
//!          └──────── next delay ◄─────┴───────────── publish, reply ◄──────────────┘
//!                                                       report
//! ```

pub(crate) mod active_config;
pub(crate) mod commands;
pub(crate) mod schedule;
mod stops;
pub(crate) mod waker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Level;

use super::act::executor::Executor;
use super::act::throttle::Throttle;
use super::config_load::LoadedConfig;
use super::report::Outputs;
use super::report::status::StatusSource;
use crate::linux::clock;
use crate::linux::memory_alarm::Alarms;
use crate::linux::procfs::ReadError;
use crate::model::{Boottime, Bytes, Snapshot};
use crate::policy::{Engine, MemoryPoll};
use crate::sampler::Sampler;
use active_config::{ActiveConfig, ResolvedConfig};
use commands::{CommandQueue, LoopCommand};
use schedule::{Demand, SampleTrigger, Schedule};
use waker::Waker;

/// Supervises agents: samples them, decides, acts and reports.
#[derive(Debug)]
pub(super) struct ControlLoop {
    pub(super) sampler: Sampler,
    pub(super) engine: Engine,
    pub(super) executor: Executor,
    pub(super) throttle: Throttle,
    pub(super) config: ActiveConfig,
    pub(super) inputs: LoopInputs,
    pub(super) outputs: Outputs,
    pub(super) schedule: Schedule,
}

/// The loop's inputs: wakeups and commands.
#[derive(Debug)]
pub(super) struct LoopInputs {
    pub(super) waker: Arc<Waker>,
    /// `None` if the thread of the kernel's alarms could not be started.
    pub(super) alarms: Option<Alarms>,
    pub(super) commands: CommandQueue,
}

impl ControlLoop {
    /// Supervises until shutdown is requested.
    pub(super) fn run(&mut self) {
        let mut is_ready = false;
        while !self.inputs.waker.is_shutting_down() {
            let started = Instant::now();
            let delay = self.iterate(started);
            if !is_ready && !self.schedule.is_failing() {
                self.outputs.ready();
                is_ready = true;
            }
            self.sleep_until(started + delay);
        }
        self.shut_down();
    }

    /// One iteration: poll, sample if triggered, decide, act, report. Returns the delay from `started` to the next one.
    fn tick(&mut self, started: Instant) -> Result<Duration, ReadError> {
        let now = clock::now();
        let memory = self.sampler.poll_memory(now)?;
        let poll = self.engine.poll_memory(now, &memory);
        let Some(trigger) = self.trigger(started, now, poll)? else {
            return Ok(self.schedule.without_sample(started, now, poll, self.is_sample_awaited()));
        };

        self.schedule.start_sample(started);
        let is_asked = self.inputs.waker.take_sample_request();
        let is_reloaded = self.apply_commands(memory.mem_total);
        let depth = trigger.scan_depth(self.engine.action_target().is_some());
        let snapshot = self.sampler.sample(now, memory, depth)?;

        let step = self.engine.step(&snapshot);
        // Nothing may come between the decision and its signals: no allocation, no lock, no disk, no journal.
        let outcome = step.signals.as_ref().map(|signals| self.executor.send(signals));
        let warnings = self.update_throttle(&snapshot);

        let delay = step.next_poll;
        let mut events = step.into_events(outcome, &snapshot);
        events.extend(self.outputs.forecast(&snapshot, self.config.thresholds(), &mut self.engine));
        self.sampler.unpin_rules_except(|root| self.engine.is_action_in_progress(root));
        self.watch_cgroups(&snapshot);

        self.outputs.log_warnings(self.sampler.drain_new_warnings().into_iter().chain(warnings));
        self.outputs.counters.released_early = self.executor.released().processes;
        let source = StatusSource {
            engine: &self.engine,
            sampler: &self.sampler,
            thresholds: self.config.thresholds(),
            notes: self.config.notes(),
        };
        // A request made meanwhile need not wait for the next sample.
        let is_status_wanted = is_asked || is_reloaded || self.inputs.waker.is_sample_requested();
        let events = self.outputs.publish(started, snapshot, events, source, is_status_wanted);
        // After the status: a client that gets its reply may read the status at once.
        self.inputs.commands.reply(&events, &self.outputs.publisher, &self.engine);
        Ok(Schedule::after_sample(delay, self.is_sample_awaited()))
    }

    /// Runs a tick, and the work that follows even a failed one.
    fn iterate(&mut self, started: Instant) -> Duration {
        let result = self.tick(started);
        self.inputs.commands.confirm_reloads();
        let is_urgent = self.engine.danger().is_some() || self.engine.action_target().is_some();
        self.schedule.back_off(started, is_urgent);
        match result {
            Ok(delay) => {
                self.schedule.succeed();
                self.outputs.notifier.tick_done();
                if let Some(throttles) = self.executor.throttles() {
                    throttles.heartbeat();
                }
                delay
            }
            Err(error) => {
                // Logged once for a row of failures. If they last, the unit's watchdog restarts the service.
                if self.schedule.fail() {
                    self.outputs.log(Level::ERROR, format!("sampling failed: {error}"));
                }
                Schedule::retry_delay()
            }
        }
    }

    /// Why this iteration takes a sample; `None` if it takes none.
    fn trigger(
        &mut self,
        started: Instant,
        now: Boottime,
        poll: MemoryPoll,
    ) -> Result<Option<SampleTrigger>, ReadError> {
        let demand = Demand {
            wakeups: self.inputs.waker.take_alarms(),
            is_sample_requested: self.inputs.waker.is_sample_requested(),
            is_followed: self.outputs.publisher.is_followed(),
            published_at: self.outputs.publisher.published_at(),
        };
        let counters = &mut self.outputs.counters;
        counters.polls += 1;
        counters.woken_by_pressure += demand.wakeups.pressure;
        counters.woken_by_cgroups += demand.wakeups.cgroups;
        let has_new_pids = || self.sampler.has_new_pids(now);
        let trigger = self.schedule.trigger(started, now, poll, demand, has_new_pids);
        // A process that belongs to no agent is no reason for a sample.
        if trigger == Some(SampleTrigger::NewProcesses) && !self.sampler.scan_new_processes(now)? {
            return Ok(None);
        }
        Ok(trigger)
    }

    /// Whether a client that follows the status, or a process too young to be judged, awaits the next sample.
    fn is_sample_awaited(&self) -> bool {
        self.outputs.publisher.is_followed() || self.sampler.has_young_processes()
    }

    /// Carries out the commands from the socket. Returns whether the configuration was reloaded.
    fn apply_commands(&mut self, total: Bytes) -> bool {
        let mut is_reloaded = false;
        while let Some(command) = self.inputs.commands.next() {
            match command {
                LoopCommand::Stop(stop) => self.inputs.commands.request_stop(stop, &mut self.engine),
                LoopCommand::Reload(loaded, reply) => {
                    let warnings = self.reconfigure(*loaded, total);
                    self.inputs.commands.confirm_later(reply, warnings);
                    is_reloaded = true;
                }
            }
        }
        is_reloaded
    }

    /// Puts another configuration into force. Observations and actions in progress are kept. Returns the warnings.
    fn reconfigure(&mut self, loaded: LoadedConfig, total: Bytes) -> Vec<String> {
        let resolved = ResolvedConfig::new(loaded, total);
        let (thresholds, warnings) = (resolved.thresholds(), resolved.warnings());
        self.engine.reconfigure(thresholds, resolved.act, resolved.guard);
        self.throttle.set_enabled(resolved.is_throttle_enabled);
        self.sampler.reconfigure(Arc::clone(&resolved.rules));
        // An action in progress keeps the rule that it began with.
        self.sampler.pin_rules_of(|root| self.engine.is_action_in_progress(root));
        self.sampler.verify_cgroups_above(thresholds.kill.share(1, 2));
        self.outputs.log(Level::INFO, format!("configuration reloaded: {}", resolved.summary()));
        self.outputs.log_warnings(warnings.iter().cloned());
        self.config.replace(resolved);
        warnings
    }

    /// Sets and removes throttles after the signals. Returns the warnings.
    fn update_throttle(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let Some(throttles) = self.executor.throttles() else { return Vec::new() };
        self.throttle.update(snapshot, self.config.thresholds(), &self.engine, throttles)
    }

    /// Has the kernel wake the loop when an agent's own cgroup reaches its limit.
    fn watch_cgroups(&self, snapshot: &Snapshot) {
        if let Some(alarms) = &self.inputs.alarms {
            let own = snapshot.agents.iter().filter_map(|agent| agent.cgroup.as_ref());
            alarms.watch(own.map(|cgroup| cgroup.path.clone()).collect());
        }
    }

    /// Sleeps until the next iteration is due or the waker requests an earlier one.
    fn sleep_until(&mut self, planned: Instant) {
        let waker = &self.inputs.waker;
        while !waker.is_shutting_down() {
            let published_at = self.outputs.publisher.published_at();
            let at =
                self.schedule.wake_at(planned, waker.is_alarmed(), waker.is_sample_requested(), published_at);
            if !waker.wait_until(at) {
                break;
            }
        }
        schedule::record_wakeup_latency(&mut self.outputs.counters, planned, Instant::now());
    }

    /// Resumes stopped processes, removes all throttles and writes pending data.
    fn shut_down(&mut self) {
        self.inputs.commands.close();
        if let Some(throttles) = self.executor.throttles() {
            throttles.remove_all();
        }
        if let Some(signals) = self.engine.finish() {
            let _ = self.executor.send(&signals);
        }
        self.outputs.close();
    }
}
