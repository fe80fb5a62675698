//! The resume command of the rule that the command matches, for when the daemon does not report one.

use std::path::Path;
use std::time::Duration;

use crate::api::resume::Resume;
use crate::config::{self, ConfigPath, Overrides, Sources};
use crate::daemon::rules;
use crate::linux::clock;
use crate::linux::procfs::Proc;
use crate::model::{Boottime, Pid};
use crate::rules::{ProcessFacts, Rules};

/// When the command is matched, from its exec on: a script may exec the agent later.
const CHECK_DELAYS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(10)];

/// The resume command, and when the command is matched next.
#[derive(Default)]
pub(super) struct ResumeRule {
    resume: Option<Resume>,
    started: Boottime,
    /// The rest of [`CHECK_DELAYS`].
    pending: &'static [Duration],
}

impl ResumeRule {
    /// The command has been exec'ed.
    pub(super) fn command_started(&mut self) {
        self.started = clock::now();
        self.pending = &CHECK_DELAYS;
    }

    /// The time until the next check; `None`: there is none.
    pub(super) fn due(&self) -> Option<Duration> {
        self.pending.first().map(|delay| delay.saturating_sub(clock::now().since(self.started)))
    }

    /// Matches the command against the rules.
    pub(super) fn check(&mut self, pid: Pid) {
        let (_, rest) = self.pending.split_first().unwrap_or((&Duration::ZERO, &[]));
        let found = find_resume(pid);
        self.pending = if found.is_some() { &[] } else { rest };
        self.resume = found.or(self.resume.take());
    }

    /// The resume command; that of an earlier run if this one was too short for a check.
    pub(super) fn resume(&self) -> Option<&Resume> {
        self.resume.as_ref()
    }
}

fn find_resume(pid: Pid) -> Option<Resume> {
    let proc = Proc::open(Path::new("/proc")).ok()?;
    let identity = proc.identity(pid).ok().flatten()?;
    let cwd = || proc.cwd(pid);
    let facts = ProcessFacts { exe: identity.exe.as_deref(), argv: &identity.argv, cwd: &cwd };
    let rule = configured_rules().recognise(&facts)?;
    rule.resume.as_deref().map(|command| Resume::new(command, None))
}

/// The rules of the system configuration; the built-in ones if that is unreadable or invalid.
fn configured_rules() -> Rules {
    let no_environment = |_: &str| None;
    let sources =
        Sources { path: ConfigPath::system(), environment: &no_environment, overrides: Overrides::default() };
    config::load(&sources).and_then(|config| rules(&config)).unwrap_or_else(|_| Rules::built_in())
}
