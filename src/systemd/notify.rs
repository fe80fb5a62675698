//! Notifications to the service manager (`sd_notify(3)`). Without one every call does nothing.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::thread;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Free memory changes at every tick, and each status line costs the manager a signal on the bus.
const MIN_STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// How long the last notification may delay our exit.
const STOPPING_TIMEOUT: Duration = Duration::from_secs(1);

/// Interval between attempts to send the last notification.
const STOPPING_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// The environment variable with the service manager's socket.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// Whether a service manager expects notifications: we are one of its services, and it runs our `ExecStopPost=`.
#[must_use]
pub fn is_expected() -> bool {
    std::env::var_os(SOCKET_VARIABLE).is_some()
}

/// Notifies the service manager. A manager that is frozen reads nothing, and no tick may wait for it: a notification that cannot
/// be sent at once is repeated with a later tick if it still applies. `sd_notify::notify` would block.
#[derive(Debug)]
pub struct Notifier {
    /// `None`: no service manager listens.
    target: Option<NotifySocket>,
    status: String,
    status_sent_at: Option<Instant>,
    /// Interval of keep-alives: a quarter of `WatchdogSec=`.
    watchdog_interval: Option<Duration>,
    watchdog_sent_at: Option<Instant>,
    /// Supervision has begun, and that could not be sent yet.
    ready_pending: bool,
}

/// The service manager's socket.
#[derive(Debug)]
struct NotifySocket {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Notifier {
    /// Reads the manager's socket and watchdog interval from the environment.
    ///
    /// # Errors
    /// If no socket can be opened, or the environment names none.
    pub fn start() -> io::Result<Self> {
        let named = std::env::var_os(SOCKET_VARIABLE).filter(|name| !name.is_empty());
        let target = named.map(|name| NotifySocket::open(&name)).transpose()?;
        let watchdog_interval = sd_notify::watchdog_enabled().map(|d| d / 4);
        Ok(Self {
            target,
            status: String::new(),
            status_sent_at: None,
            watchdog_interval,
            watchdog_sent_at: None,
            ready_pending: false,
        })
    }

    /// Supervision has begun: the first tick is complete.
    pub fn ready(&mut self) {
        self.ready_pending = !self.send(&NotifyState::Ready);
    }

    /// Sends the line for `systemctl status` if it has changed: `urgent` ones at once, others at an interval.
    pub fn status(&mut self, status: &str, urgent: bool) {
        let due = urgent || self.status_sent_at.is_none_or(|sent| sent.elapsed() >= MIN_STATUS_INTERVAL);
        if due && self.status != status && self.send(&NotifyState::Status(status)) {
            status.clone_into(&mut self.status);
            self.status_sent_at = Some(Instant::now());
        }
    }

    /// Sends a keep-alive after a tick. Never called from a timer: a stalled loop must not appear alive.
    pub fn tick_done(&mut self) {
        if self.ready_pending {
            self.ready();
        }
        let Some(interval) = self.watchdog_interval else { return };
        let due = self.watchdog_sent_at.is_none_or(|sent| sent.elapsed() >= interval);
        if due && self.send(&NotifyState::Watchdog) {
            self.watchdog_sent_at = Some(Instant::now());
        }
    }

    /// Shutdown has begun.
    pub fn stopping(&mut self) {
        let until = Instant::now() + STOPPING_TIMEOUT;
        while !self.send(&NotifyState::Stopping) && Instant::now() < until {
            thread::sleep(STOPPING_RETRY_INTERVAL);
        }
    }

    /// Whether it was sent, or there is no service manager.
    fn send(&self, state: &NotifyState<'_>) -> bool {
        self.target.as_ref().is_none_or(|target| target.send(&state.to_string()))
    }
}

impl NotifySocket {
    /// `name` is a path, or an abstract name that begins with `@` (`sd_notify(3)`).
    fn open(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(unusable(name)),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }

    fn send(&self, text: &str) -> bool {
        match self.socket.send_to_addr(text.as_bytes(), &self.address) {
            Ok(_) => true,
            // These are retried. Other errors could be reported only to the manager itself.
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }
}

fn unusable(name: &OsStr) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, format!("{SOCKET_VARIABLE}={} names no socket", name.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager, and a notifier connected to it.
    fn world() -> (UnixDatagram, Notifier, tempfile::TempDir) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let notifier = Notifier {
            target: Some(NotifySocket::open(path.as_os_str()).unwrap()),
            status: String::new(),
            status_sent_at: None,
            watchdog_interval: Some(Duration::ZERO),
            watchdog_sent_at: None,
            ready_pending: false,
        };
        (manager, notifier, place)
    }

    fn received(manager: &UnixDatagram) -> Vec<String> {
        let mut words = Vec::new();
        let mut buffer = [0; 256];
        while let Ok(len) = manager.recv(&mut buffer) {
            words.push(String::from_utf8_lossy(&buffer[..len]).trim_end().to_owned());
        }
        words
    }

    #[test]
    fn only_changes_are_sent() {
        let (manager, mut notifier, _place) = world();
        notifier.ready();
        notifier.status("well", true);
        notifier.status("well", true);
        notifier.status("soon no more", false);
        notifier.tick_done();
        notifier.stopping();
        assert_eq!(received(&manager), ["READY=1", "STATUS=well", "WATCHDOG=1", "STOPPING=1"]);
    }

    #[test]
    fn a_frozen_manager_gets_ready_later() {
        let (manager, mut notifier, _place) = world();
        let flags = rustix::fs::fcntl_getfl(&notifier.target.as_ref().unwrap().socket).unwrap();
        assert!(flags.contains(rustix::fs::OFlags::NONBLOCK), "or the rest of the test hangs");
        let mut sent = 0;
        while notifier.send(&NotifyState::Watchdog) {
            sent += 1;
            assert!(sent < 100_000, "the socket's buffer is bounded");
        }
        notifier.ready();
        notifier.status("well", true);
        notifier.tick_done();
        assert!(!received(&manager).iter().any(|word| word == "READY=1"));
        notifier.tick_done();
        notifier.status("well", true);
        assert_eq!(received(&manager), ["READY=1", "WATCHDOG=1", "STATUS=well"]);
    }

    #[test]
    fn a_missing_manager_is_ignored() {
        let (manager, mut notifier, place) = world();
        drop(manager);
        drop(place);
        notifier.ready();
        notifier.tick_done();
        notifier.stopping();
        assert!(!notifier.ready_pending);
    }

    #[test]
    fn abstract_sockets_work_and_other_names_are_refused() {
        let name = format!("@claude-watchdog-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name[1..]).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        manager.set_nonblocking(true).unwrap();
        assert!(NotifySocket::open(OsStr::new(&name)).unwrap().send("READY=1"));
        assert_eq!(received(&manager), ["READY=1"]);
        let error = NotifySocket::open(OsStr::new("vsock:2:3")).unwrap_err().to_string();
        assert_eq!(error, "NOTIFY_SOCKET=vsock:2:3 names no socket");
    }
}
