//! The only place from which signals go out.

use std::io;
use std::path::Path;

use crate::linux::brake::Brakes;
use crate::linux::cgroup::kill::CgroupKiller;
use crate::linux::process::mrelease::{Released, Releaser};
use crate::linux::process::pidfd::{Sent, Signaller};
use crate::model::event::EventKind;
use crate::model::{ProcessKey, Signal};
use crate::policy::SignalBatch;

/// Sends what the policy decided. All it needs is opened before: sending allocates nothing.
#[derive(Debug)]
pub struct Executor {
    signaller: Signaller,
    /// `None` without cgroup v2.
    cgroups: Option<CgroupKiller>,
    /// `None` where its thread could not be started: memory then comes back when the processes have ended.
    releaser: Option<Releaser>,
    /// `None` where nobody is held.
    brakes: Option<Brakes>,
}

impl Executor {
    /// One that kills cgroups of the tree at `cgroup`, `/sys/fs/cgroup` as a rule.
    ///
    /// # Errors
    /// Where `/proc` is not mounted.
    pub fn open(cgroup: &Path) -> io::Result<Self> {
        Ok(Self {
            signaller: Signaller::open()?,
            cgroups: CgroupKiller::open(cgroup),
            releaser: Releaser::start().ok(),
            brakes: None,
        })
    }

    /// The same, and from now on it lifts these before it signals.
    #[must_use]
    pub fn with_brakes(self, brakes: Option<Brakes>) -> Self {
        Self { brakes, ..self }
    }

    /// The brakes; `None` where nobody is held.
    pub fn brakes(&mut self) -> Option<&mut Brakes> {
        self.brakes.as_mut()
    }

    /// Sends one wave, in order. Allocates nothing, and waits for nobody until the last signal is out.
    #[must_use]
    pub fn send(&self, wave: &SignalBatch) -> EventKind {
        let signal = match wave.signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Stop => rustix::process::Signal::STOP,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        self.lift_brake(wave);
        let (mut delivered, mut gone, mut refused) = (0, 0, 0);
        for &target in &wave.targets {
            match self.signaller.send(target, signal) {
                Sent::Delivered => delivered += 1,
                Sent::Gone => gone += 1,
                Sent::Refused(_) => refused += 1,
            }
        }
        if wave.signal == Signal::Term {
            self.resume(&wave.targets);
        }
        self.resume(&wave.released);
        if wave.signal == Signal::Kill {
            self.make_sure(wave);
        }
        EventKind::Signalled { action: wave.action, signal: wave.signal, delivered, gone, refused }
    }

    /// A process that is held at its brake needed over 60 s for a handler of `TERM` that takes 8 MB, and 0.6 s without.
    fn lift_brake(&self, wave: &SignalBatch) {
        match (&self.brakes, &wave.scope) {
            (Some(brakes), Some(scope)) => brakes.lift(scope),
            (Some(brakes), None) => brakes.lift_all(),
            (None, _) => {}
        }
    }

    /// Who is stopped would not see its TERM before its KILL. Whether it is, its state does not tell: a STOP that it has
    /// not taken yet would stop it before its handler runs, and is taken back by this (systemd's `kill_and_sigcont` asks
    /// neither). Not before all have theirs: who goes on may start others.
    fn resume(&self, held: &[ProcessKey]) {
        for &target in held {
            // Who runs, has ended or is beyond our rights needs none.
            let _ = self.signaller.send(target, rustix::process::Signal::CONT);
        }
    }

    /// After the last signal: memory is to come back soon, and who was started meanwhile is to end too.
    fn make_sure(&self, wave: &SignalBatch) {
        if let Some(releaser) = &self.releaser {
            for &target in &wave.targets {
                releaser.release(target);
            }
        }
        // Last, since the kernel may let us wait. Where it is refused, the next wave finds who is left.
        if let (Some(cgroups), Some(path)) = (&self.cgroups, &wave.cgroup) {
            let _ = cgroups.kill(path);
        }
    }

    /// What came of taking memory back early, since the start.
    #[must_use]
    pub fn released(&self) -> Released {
        self.releaser.as_ref().map(Releaser::released).unwrap_or_default()
    }
}
