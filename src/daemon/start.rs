//! Assembles the daemon: everything that is built once, and its threads.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;

use super::act::executor::Executor;
use super::act::throttle::{self, Throttle};
use super::config_load::LoadedConfig;
use super::control_loop::active_config::{ActiveConfig, ResolvedConfig};
use super::control_loop::commands::command_queue;
use super::control_loop::schedule::Schedule;
use super::control_loop::waker::{Waker, start_alarms};
use super::control_loop::{ControlLoop, LoopInputs};
use super::error::DaemonError;
use super::options::Options;
use super::report::Outputs;
use super::report::history::HistoryRecorder;
use super::report::journal::{Report, Reporter};
use super::report::log::Relay;
use super::report::publisher::Publisher;
use super::report::status::StatusSource;
use super::serve::handlers::{self, Handlers};
use super::serve::listener::{self, PassedError};
use super::serve::thread::SocketServer;
use crate::history;
use crate::linux::platform::Platform;
use crate::linux::process::{capability, malloc, memlock};
use crate::linux::procfs::Proc;
use crate::model::{MissingFeature, Uid};
use crate::policy::Engine;
use crate::sampler::Sampler;
use crate::systemd::notify::Notifier;

/// Time limit of the last reports at shutdown.
const REPORTER_TIMEOUT: Duration = Duration::from_secs(1);

/// Supervises until SIGTERM, SIGINT or SIGHUP.
///
/// # Errors
/// The daemon cannot start.
pub fn run(options: &Options) -> Result<(), DaemonError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    capability::obey_file_modes();
    malloc::give_back_large_blocks();
    // One huge page is three times our own memory (668K without, 2.6M with one on kernel 6.1). Failure changes nothing.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let passed = listener::passed();
    let loaded = LoadedConfig::first(options, uid).inspect_err(|_| {
        if let Ok(Some(listener)) = &passed {
            listener::reply_unconfigured(listener);
        }
    })?;
    abort_on_panic();
    let (reporter, finished) = Reporter::start()?;
    // Set once per process: a test that runs two daemons in one process keeps the first.
    let _ =
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Relay(reporter.clone())));
    let result = supervise(options, uid, loaded, passed, &reporter);
    // Do not wait for a blocked journal.
    if reporter.close() {
        let _ = finished.recv_timeout(REPORTER_TIMEOUT);
    }
    result
}

/// Aborts the process when a thread panics, so that the service manager restarts it: a missing thread would be noticed only when it
/// is needed. The history thread is exempt: it may panic on damaged data, and handles that itself.
fn abort_on_panic() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(history::THREAD_NAME) {
            return;
        }
        default_hook(panic);
        std::process::abort();
    }));
}

fn supervise(
    options: &Options,
    uid: Uid,
    loaded: LoadedConfig,
    passed: Result<Option<UnixListener>, PassedError>,
    reporter: &Reporter,
) -> Result<(), DaemonError> {
    let (mut control_loop, handlers) = assemble(options, uid, loaded, reporter)?;
    let server = SocketServer {
        handlers,
        waker: Arc::clone(&control_loop.inputs.waker),
        passed,
        path: options.socket.clone(),
        uid,
        reporter: reporter.clone(),
    };
    let socket_thread = server.start()?;
    control_loop.run();
    socket_thread.stop();
    Ok(())
}

/// Builds the control loop, with a first sample, and the socket's handlers.
fn assemble(
    options: &Options,
    uid: Uid,
    loaded: LoadedConfig,
    reporter: &Reporter,
) -> Result<(ControlLoop, Handlers), DaemonError> {
    let log = |level, text| reporter.report(Report::Log(level, text));
    if let Err(error) = memlock::lock_on_fault() {
        log(Level::INFO, format!("cannot lock own memory, may react slowly under memory pressure: {error}"));
    }
    // Before anything that may fail because a feature is missing.
    let missing = Platform::new(&options.proc, &options.cgroup, uid).missing_features();
    for feature in &missing {
        log(if feature.is_shown_in_status() { Level::WARN } else { Level::INFO }, feature.to_string());
    }

    let total = Proc::open(&options.proc)?.guest()?.mem_total;
    let resolved = ResolvedConfig::new(loaded, total);
    let only = (uid != Uid::ROOT).then_some(uid);
    let subject = if only.is_some() { "your own agents" } else { "agents of all users" };
    log(Level::INFO, format!("supervising {subject}, {total} of memory: {}", resolved.summary()));
    for warning in resolved.warnings() {
        log(Level::WARN, warning);
    }

    let waker = Arc::new(Waker::new()?);
    let (commands, queue) = command_queue(Arc::clone(&waker));
    let mut sampler = Sampler::new(&options.proc, &options.cgroup, Arc::clone(&resolved.rules), only)?;
    sampler.verify_cgroups_above(resolved.thresholds().kill.share(1, 2));
    let engine = Engine::new(resolved.thresholds(), resolved.act, resolved.guard);
    let throttle = Throttle::new(resolved.is_throttle_enabled);
    let executor = Executor::open(&options.cgroup)?.with_throttles(throttle::start(options, uid, reporter));
    let is_missing_reported = missing.contains(&MissingFeature::Pressure);
    let config = ActiveConfig::new(resolved, missing, options, only);

    let snapshot = sampler.sample_now()?;
    let (thresholds, notes) = (config.thresholds(), config.notes());
    let source = StatusSource { engine: &engine, sampler: &sampler, thresholds, notes };
    let mut publisher = Publisher::new(snapshot, source);
    let history = HistoryRecorder::start(options, uid, reporter);
    let handlers = Handlers::new(handlers::HandlerInputs {
        status: publisher.updates(),
        events: publisher.events(),
        published: publisher.latest(),
        settings: config.subscribe(),
        waker: Arc::clone(&waker),
        commands,
        history: history.clone(),
        reporter: reporter.clone(),
        options,
        uid,
    });
    let alarms = start_alarms(options, &waker, reporter, is_missing_reported);
    let control_loop = ControlLoop {
        sampler,
        engine,
        executor,
        throttle,
        config,
        inputs: LoopInputs { waker, alarms, commands: queue },
        outputs: Outputs::new(publisher, Notifier::start()?, history, reporter.clone()),
        schedule: Schedule::new(Instant::now()),
    };
    Ok((control_loop, handlers))
}
