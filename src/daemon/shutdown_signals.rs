//! The signals that request shutdown.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for a shutdown request: `SIGTERM` from the service manager, `SIGINT` or `SIGHUP` from a terminal.
pub(super) struct ShutdownSignals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl ShutdownSignals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn requested(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
            _ = self.hup.recv() => {}
        }
    }
}
