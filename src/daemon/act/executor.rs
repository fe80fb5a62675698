//! The only place that sends signals.

use std::io;
use std::path::Path;

use super::throttle::CgroupThrottles;
use crate::linux::cgroup::kill::CgroupKiller;
use crate::linux::process::mrelease::{Released, Releaser};
use crate::linux::process::pidfd::{Sent, Signaller};
use crate::model::event::EventKind;
use crate::model::{ProcessKey, Signal};
use crate::policy::SignalBatch;

/// Sends the signals that the policy decided on. Everything is opened in advance: sending allocates nothing.
#[derive(Debug)]
pub struct Executor {
    signaller: Signaller,
    /// `None` without cgroup v2.
    cgroups: Option<CgroupKiller>,
    /// `None` if its thread could not be started: memory is then freed when the processes have exited.
    releaser: Option<Releaser>,
    /// `None` if nothing is throttled.
    throttles: Option<CgroupThrottles>,
}

impl Executor {
    /// An executor that kills cgroups in the tree at `cgroup`, usually `/sys/fs/cgroup`.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn open(cgroup: &Path) -> io::Result<Self> {
        Ok(Self {
            signaller: Signaller::open()?,
            cgroups: CgroupKiller::open(cgroup),
            releaser: Releaser::start().ok(),
            throttles: None,
        })
    }

    /// The same executor; it removes these throttles before it signals.
    #[must_use]
    pub fn with_throttles(self, throttles: Option<CgroupThrottles>) -> Self {
        Self { throttles, ..self }
    }

    /// The throttles; `None` if nothing is throttled.
    pub fn throttles(&mut self) -> Option<&mut CgroupThrottles> {
        self.throttles.as_mut()
    }

    /// Sends one batch, in order. Allocates nothing, and blocks on nothing before the last signal is sent.
    #[must_use]
    pub fn send(&self, batch: &SignalBatch) -> EventKind {
        let signal = match batch.signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Stop => rustix::process::Signal::STOP,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        self.remove_throttle(batch);
        let (mut delivered, mut gone, mut refused) = (0, 0, 0);
        for &target in &batch.targets {
            match self.signaller.send(target, signal) {
                Sent::Delivered => delivered += 1,
                Sent::Gone => gone += 1,
                Sent::Refused(_) => refused += 1,
            }
        }
        if batch.signal == Signal::Term {
            self.resume(&batch.targets);
        }
        self.resume(&batch.resumed);
        if batch.signal == Signal::Kill {
            self.finish_kill(batch);
        }
        EventKind::Signalled { action: batch.action, signal: batch.signal, delivered, gone, refused }
    }

    /// Removes the throttle first: a process throttled at `memory.high` needed over 60 s for a `SIGTERM` handler of 8 MB, 0.6 s
    /// without.
    fn remove_throttle(&self, batch: &SignalBatch) {
        match (&self.throttles, &batch.scope) {
            (Some(throttles), Some(scope)) => throttles.remove(scope),
            (Some(throttles), None) => throttles.remove_all(),
            (None, _) => {}
        }
    }

    /// Sends SIGCONT: a stopped process cannot run its SIGTERM handler. Sent regardless of the state in `stat`, where a
    /// pending SIGSTOP is not visible (systemd's `kill_and_sigcont` does the same). Only after all targets have their signal,
    /// because a resumed process may fork.
    fn resume(&self, targets: &[ProcessKey]) {
        for &target in targets {
            // A target that runs, has exited or belongs to another user needs none.
            let _ = self.signaller.send(target, rustix::process::Signal::CONT);
        }
    }

    /// After the last SIGKILL: frees memory early, and kills processes forked meanwhile.
    fn finish_kill(&self, batch: &SignalBatch) {
        if let Some(releaser) = &self.releaser {
            for &target in &batch.targets {
                releaser.release(target);
            }
        }
        // Last, because the kernel may block here. If it is refused, the next batch has the survivors.
        if let (Some(cgroups), Some(path)) = (&self.cgroups, &batch.cgroup) {
            let _ = cgroups.kill(path);
        }
    }

    /// Memory freed early by `process_mrelease(2)` since startup.
    #[must_use]
    pub fn released(&self) -> Released {
        self.releaser.as_ref().map(Releaser::released).unwrap_or_default()
    }
}
