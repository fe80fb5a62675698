//! Which kind of agent the command is, so that it is known how it takes up its work where nobody else tells.

use std::path::Path;
use std::time::Duration;

use crate::api::resume::Resume;
use crate::config::{self, Overrides, Place, Sources};
use crate::daemon::rules;
use crate::linux::clock;
use crate::linux::procfs::Proc;
use crate::model::{Boottime, Pid};
use crate::rules::{ProcessFacts, Rules};

/// After an exec, and twice later: a script may become the agent in its own time.
const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(10)];

/// What is known of it, and when it is looked at.
#[derive(Default)]
pub(super) struct Kind {
    resume: Option<Resume>,
    begun: Boottime,
    /// Those of [`LOOKS`] that are to come.
    looks: &'static [Duration],
}

impl Kind {
    /// The command runs from now on.
    pub(super) fn begin(&mut self) {
        self.begun = clock::now();
        self.looks = &LOOKS;
    }

    /// After which time the next look is due; `None` where there is none.
    pub(super) fn due(&self) -> Option<Duration> {
        self.looks.first().map(|look| look.saturating_sub(clock::now().since(self.begun)))
    }

    /// Looks at the command.
    pub(super) fn look(&mut self, pid: Pid) {
        let (_, rest) = self.looks.split_first().unwrap_or((&Duration::ZERO, &[]));
        let found = recognise(pid);
        self.looks = if found.is_some() { &[] } else { rest };
        self.resume = found.or(self.resume.take());
    }

    /// How it takes up its work; of an earlier run where this one was too short to be looked at.
    pub(super) fn resume(&self) -> Option<&Resume> {
        self.resume.as_ref()
    }
}

fn recognise(pid: Pid) -> Option<Resume> {
    let proc = Proc::open(Path::new("/proc")).ok()?;
    let identity = proc.identity(pid).ok().flatten()?;
    let cwd = || proc.cwd(pid);
    let facts = ProcessFacts { exe: identity.exe.as_deref(), argv: &identity.argv, cwd: &cwd };
    let rule = configured().recognise(&facts)?;
    rule.resume.as_deref().map(|command| Resume::new(command, None))
}

/// Those of the system's supervisor; the built-in ones where its configuration cannot be read or is wrong.
fn configured() -> Rules {
    let nothing = |_: &str| None;
    let sources = Sources { place: Place::system(), environment: &nothing, overrides: Overrides::default() };
    config::load(&sources).and_then(|config| rules(&config)).unwrap_or_else(|_| Rules::built_in())
}
