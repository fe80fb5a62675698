//! The loop: sample, decide, signal, publish, tell.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;

use super::error::DaemonError;
use super::executor::Executor;
use super::explain::{Explainer, Seen, Settings};
use super::ledger::Ledger;
use super::log::Relay;
use super::publish;
use super::reporter::{Report, Reporter};
use super::sampler::Sampler;
use super::signals::Ending;
use crate::agents::Rules;
use crate::config::{self, Config, EffectiveLines, Overrides, Place, Sources};
use crate::ipc::paths::{SYSTEM_SOCKET, user_socket};
use crate::ipc::{self, Fault};
use crate::linux::proc::Proc;
use crate::linux::{capability, memlock};
use crate::model::event::What;
use crate::model::status::StatusInfo;
use crate::model::{AgentRef, Event, Explanation, Pid, Snapshot, Uid};
use crate::policy::{Act, Engine, Step};
use crate::systemd::notify::Notifier;

/// After a tick that failed: long enough not to spin, short enough not to miss much.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long the last reports may take when we leave.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// What the supervisor is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file; `None`: the usual one, where it is.
    pub config: Option<PathBuf>,
    /// The socket; `None`: the usual one.
    pub socket: Option<PathBuf>,
    /// Where `/proc` is.
    pub proc: PathBuf,
    /// Where cgroups are.
    pub cgroup: PathBuf,
    /// Say all, send nothing.
    pub dry_run: bool,
}

/// Supervises until a signal asks it to end.
///
/// # Errors
/// Where it cannot start.
pub fn run(options: &Options) -> Result<(), DaemonError> {
    let uid = Uid::new(rustix::process::geteuid().as_raw());
    capability::obey_file_modes();
    let config = config::load(&sources(options, uid))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (reporter, told) = Reporter::start()?;
    // Set once, here: a test that runs two supervisors in a process keeps the first.
    let _ =
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Relay(reporter.clone())));
    let result = runtime.block_on(supervise(options, uid, &config, &reporter));
    // A journal that is stuck is not waited for.
    if reporter.close() {
        let _ = told.recv_timeout(LAST_REPORT);
    }
    result
}

fn sources(options: &Options, uid: Uid) -> Sources<'static> {
    let environment = &|name: &str| std::env::var_os(name);
    let place = Place::of(options.config.as_deref(), uid, environment);
    Sources { place, environment, overrides: Overrides { dry_run: options.dry_run } }
}

async fn supervise(
    options: &Options,
    uid: Uid,
    config: &Config,
    reporter: &Reporter,
) -> Result<(), DaemonError> {
    let mut ending = Ending::listen()?;
    let mut supervisor = Supervisor::new(options, uid, config, reporter.clone())?;
    let settings = supervisor.settings(options, uid, config);
    let service = Rc::new(Service {
        updates: supervisor.updates.subscribe(),
        explainer: Explainer::new(settings, supervisor.seen.subscribe()),
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        // Also where the sender is dropped: either way it is over.
        let _ = stopped.await;
    };
    let socket = supervisor.bind(options.socket.as_deref(), uid)?;
    let serve = async {
        match socket {
            Some((listener, file)) => {
                ipc::serve(listener, service, ipc::Limits::default(), stopped).await;
                drop(file);
            }
            None => stopped.await,
        }
    };
    let tick = async {
        supervisor.until(ending.requested()).await;
        drop(stop);
    };
    tokio::join!(serve, tick);
    Ok(())
}

/// Answers what comes in over the socket.
struct Service {
    updates: watch::Receiver<Arc<StatusInfo>>,
    explainer: Explainer,
}

impl ipc::Service for Service {
    fn status(&self) -> watch::Receiver<Arc<StatusInfo>> {
        self.updates.clone()
    }

    async fn explain(&self, pid: Pid, reader: Uid) -> Result<Explanation, Fault> {
        self.explainer.explain(pid, reader).await
    }
}

struct Supervisor {
    sampler: Sampler,
    rules: Arc<Rules>,
    engine: Engine,
    executor: Executor,
    ledger: Ledger,
    reporter: Reporter,
    notifier: Notifier,
    updates: watch::Sender<Arc<StatusInfo>>,
    /// The newest snapshot, for those who ask about single processes.
    seen: watch::Sender<Seen>,
    lines: EffectiveLines,
    notes: Vec<String>,
    failing: bool,
}

impl Supervisor {
    fn new(options: &Options, uid: Uid, config: &Config, reporter: Reporter) -> Result<Self, DaemonError> {
        let log = |level, text| reporter.tell(Report::Log(level, text));
        if let Err(error) = memlock::lock_on_fault() {
            log(Level::INFO, format!("our memory is not locked, under pressure we may be slow: {error}"));
        }
        let total = Proc::open(&options.proc)?.guest()?.mem_total;
        let effective = EffectiveLines::of(config, total);
        let EffectiveLines { lines, mut notes } = effective.clone();
        if config.act.dry_run {
            notes.push("dry run: agents over their kill line are reported, not ended".to_owned());
        }
        let only = (uid != Uid::ROOT).then_some(uid);
        let whose =
            if only.is_some() { "your own agents only, not being root" } else { "the agents of all users" };
        log(
            Level::INFO,
            format!(
                "supervising {whose}, in a guest of {total}: warn line {}, kill line {}, grace {}",
                lines.warn,
                lines.kill,
                humantime::format_duration(config.act.grace)
            ),
        );
        for note in &notes {
            log(Level::WARN, note.clone());
        }
        let act = Act { dry_run: config.act.dry_run, grace: config.act.grace };
        let rules = Arc::new(super::rules(config)?);
        let mut sampler = Sampler::new(&options.proc, &options.cgroup, Arc::clone(&rules), only)?;
        let engine = Engine::new(lines, act);
        let snapshot = sampler.sample()?;
        let first = publish::status(&snapshot, &engine, &sampler, &Ledger::default(), lines, &notes);
        let first = Arc::new(first);
        let seen = Seen { snapshot: Arc::new(snapshot), status: Arc::clone(&first) };
        Ok(Self {
            sampler,
            rules,
            engine,
            executor: Executor::open(&options.cgroup)?,
            ledger: Ledger::default(),
            reporter,
            notifier: Notifier::start()?,
            updates: watch::Sender::new(first),
            seen: watch::Sender::new(seen),
            lines: effective,
            notes,
            failing: false,
        })
    }

    /// What explanations rest on besides the snapshot.
    fn settings(&self, options: &Options, uid: Uid, config: &Config) -> Settings {
        Settings {
            proc: options.proc.clone(),
            cgroup: options.cgroup.clone(),
            config: config.clone(),
            rules: Arc::clone(&self.rules),
            lines: self.lines.clone(),
            only: (uid != Uid::ROOT).then_some(uid),
            supervisor: i32::try_from(std::process::id()).ok().and_then(Pid::new),
        }
    }

    fn bind(
        &self,
        socket: Option<&Path>,
        uid: Uid,
    ) -> Result<Option<(tokio::net::UnixListener, ipc::SocketFile)>, DaemonError> {
        let usual = || if uid == Uid::ROOT { Some(PathBuf::from(SYSTEM_SOCKET)) } else { user_socket() };
        let Some(path) = socket.map(Path::to_owned).or_else(usual) else {
            let text = "XDG_RUNTIME_DIR is not set: nobody can ask us over a socket; name one with --socket";
            self.reporter.tell(Report::Log(Level::WARN, text.to_owned()));
            return Ok(None);
        };
        match ipc::bind(&path) {
            Ok((listener, file)) => Ok(Some((tokio::net::UnixListener::from_std(listener)?, file))),
            // A full or missing directory is no reason to leave the guest alone, unless that very socket was asked for.
            Err(error @ ipc::BindError::System { .. }) if socket.is_none() => {
                self.reporter
                    .tell(Report::Log(Level::ERROR, format!("supervising without a socket: {error}")));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn until(&mut self, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        let mut ready = false;
        loop {
            let begun = Instant::now();
            let next = self.tick();
            if !ready && !self.failing {
                self.notifier.ready();
                ready = true;
            }
            tokio::select! {
                // At least as long idle as busy: a guest with thousands of processes keeps its processor.
                () = sleep_until((begun + next).max(Instant::now() + begun.elapsed())) => {}
                () = &mut end => break,
            }
        }
        self.notifier.stopping();
        self.reporter.tell(Report::Log(Level::INFO, "stopping".to_owned()));
    }

    /// One tick; how long after its beginning the next one is due.
    fn tick(&mut self) -> Duration {
        match self.sampler.sample() {
            Ok(snapshot) => {
                let next = self.decide(snapshot);
                self.failing = false;
                self.notifier.tick_done();
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

    fn decide(&mut self, snapshot: Snapshot) -> Duration {
        let Step { wave, events, next } = self.engine.step(&snapshot);
        // Nothing stands between the decision and its signals.
        let sent = wave.as_ref().map(|wave| self.executor.send(wave));
        let events =
            with_signals(events, sent, &snapshot, wave.and_then(|_| self.engine.acting_on().cloned()));
        for event in &events {
            self.record(event);
        }
        let status = publish::status(
            &snapshot,
            &self.engine,
            &self.sampler,
            &self.ledger,
            self.lines.lines,
            &self.notes,
        );
        let line = publish::line(&status);
        let status = Arc::new(status);
        // Handed on, not copied.
        self.seen.send_replace(Seen { snapshot: Arc::new(snapshot), status: Arc::clone(&status) });
        self.updates.send_replace(status);
        self.notifier.status(&line, !events.is_empty());
        self.reporter.show(line);
        for event in events {
            self.reporter.tell(Report::Event(Box::new(event)));
        }
        next
    }

    fn record(&mut self, event: &Event) {
        let last = Arc::clone(&self.updates.borrow());
        let root = event.agent.as_ref().map(|agent| agent.root.pid);
        let cwd = || last.agents.iter().find(|a| Some(a.pid) == root).and_then(|a| a.cwd.clone());
        self.ledger.record(event, |key| self.sampler.command(key).to_owned(), cwd);
    }
}

/// The events in the order in which they happened: what was decided, then how its signals went, then the rest.
fn with_signals(
    mut events: Vec<Event>,
    sent: Option<What>,
    snapshot: &Snapshot,
    agent: Option<AgentRef>,
) -> Vec<Event> {
    let (Some(what), Some(agent)) = (sent, agent) else { return events };
    let sample = snapshot.agents.iter().find(|a| a.agent.root == agent.root);
    let charge = sample.map(|a| a.charge.total()).unwrap_or_default();
    let decided = events.iter().position(|e| matches!(e.what, What::Acted(_) | What::Killed { .. }));
    let at = decided.map_or(events.len(), |at| at + 1);
    events.insert(at, Event { agent: Some(agent), charge, what });
    events
}
