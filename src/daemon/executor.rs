//! The only place from which signals go out.

use std::io;

use crate::linux::pidfd::{Sent, Signaller};
use crate::model::Signal;
use crate::model::event::What;
use crate::policy::Wave;

/// Sends what the policy decided.
#[derive(Debug)]
pub(super) struct Executor {
    signaller: Signaller,
}

impl Executor {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { signaller: Signaller::open()? })
    }

    /// Sends one wave, in order. Allocates nothing and waits for nobody until the last signal is out.
    pub(super) fn send(&self, wave: &Wave) -> What {
        let signal = match wave.signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Stop => rustix::process::Signal::STOP,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        let (mut delivered, mut gone, mut refused) = (0, 0, 0);
        for &target in &wave.targets {
            match self.signaller.send(target, signal) {
                Sent::Delivered => delivered += 1,
                Sent::Gone => gone += 1,
                Sent::Refused(_) => refused += 1,
            }
        }
        What::Signalled { action: wave.action, signal: wave.signal, delivered, gone, refused }
    }
}
