//! What the service manager is told (`sd_notify(3)`). Without one every call does nothing.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::thread;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Free memory moves at every tick, and each line costs the manager a signal on the bus.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// How long we wait with our end for the last word to be sent.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How long between two tries of that.
const AGAIN: Duration = Duration::from_millis(10);

/// Where the service manager listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Whether a service manager waits for our word: we are a service of its own, and it does what is to be done after us.
#[must_use]
pub fn is_expected() -> bool {
    std::env::var_os(SOCKET).is_some()
}

/// Tells the service manager how we are. A manager that is frozen takes nothing, and no tick may wait for it: what it does
/// not take at once is said again with a later tick, where it still counts. `sd_notify::notify` would wait.
#[derive(Debug)]
pub struct Notifier {
    /// `None`: nobody listens.
    line: Option<Line>,
    status: String,
    told: Option<Instant>,
    /// How often the manager wants to hear from us: a quarter of its `WatchdogSec=`.
    every: Option<Duration>,
    fed: Option<Instant>,
    /// Supervision has begun, and that could not be said yet.
    owes_ready: bool,
}

/// The way to the manager.
#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Notifier {
    /// Reads from the environment what the manager expects, and where it listens.
    ///
    /// # Errors
    /// Where no socket can be opened, or what the environment names is none.
    pub fn start() -> io::Result<Self> {
        let named = std::env::var_os(SOCKET).filter(|name| !name.is_empty());
        let line = named.map(|name| Line::to(&name)).transpose()?;
        let every = sd_notify::watchdog_enabled().map(|d| d / 4);
        Ok(Self { line, status: String::new(), told: None, every, fed: None, owes_ready: false })
    }

    /// Supervision has begun: the first tick is complete.
    pub fn ready(&mut self) {
        self.owes_ready = !self.say(&NotifyState::Ready);
    }

    /// The line that `systemctl status` shows; sent when it changed, at once where something happened.
    pub fn status(&mut self, status: &str, happened: bool) {
        let due = happened || self.told.is_none_or(|told| told.elapsed() >= STATUS_EVERY);
        if due && self.status != status && self.say(&NotifyState::Status(status)) {
            status.clone_into(&mut self.status);
            self.told = Some(Instant::now());
        }
    }

    /// A tick is complete. Never called from a timer: a loop that no longer ticks must not look alive.
    pub fn tick_done(&mut self) {
        if self.owes_ready {
            self.ready();
        }
        let Some(every) = self.every else { return };
        if self.fed.is_none_or(|fed| fed.elapsed() >= every) && self.say(&NotifyState::Watchdog) {
            self.fed = Some(Instant::now());
        }
    }

    /// We are leaving.
    pub fn stopping(&mut self) {
        let until = Instant::now() + LAST_WORD;
        while !self.say(&NotifyState::Stopping) && Instant::now() < until {
            thread::sleep(AGAIN);
        }
    }

    /// Whether it was taken, or nobody listens.
    fn say(&self, word: &NotifyState<'_>) -> bool {
        self.line.as_ref().is_none_or(|line| line.say(&word.to_string()))
    }
}

impl Line {
    /// `name` is a path, or begins with an `@` where there is no file (`sd_notify(3)`).
    fn to(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(unusable(name)),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }

    fn say(&self, words: &str) -> bool {
        match self.socket.send_to_addr(words.as_bytes(), &self.address) {
            Ok(_) => true,
            // It will be asked for again. What is wrong otherwise nobody can be told of but the manager.
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }
}

fn unusable(name: &OsStr) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, format!("{SOCKET}={} names no socket", name.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager, and a notifier that talks to it.
    fn world() -> (UnixDatagram, Notifier, tempfile::TempDir) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let notifier = Notifier {
            line: Some(Line::to(path.as_os_str()).unwrap()),
            status: String::new(),
            told: None,
            every: Some(Duration::ZERO),
            fed: None,
            owes_ready: false,
        };
        (manager, notifier, place)
    }

    fn heard(manager: &UnixDatagram) -> Vec<String> {
        let mut words = Vec::new();
        let mut buffer = [0; 256];
        while let Ok(len) = manager.recv(&mut buffer) {
            words.push(String::from_utf8_lossy(&buffer[..len]).trim_end().to_owned());
        }
        words
    }

    #[test]
    fn the_manager_hears_what_is_new() {
        let (manager, mut notifier, _place) = world();
        notifier.ready();
        notifier.status("well", true);
        notifier.status("well", true);
        notifier.status("soon no more", false);
        notifier.tick_done();
        notifier.stopping();
        assert_eq!(heard(&manager), ["READY=1", "STATUS=well", "WATCHDOG=1", "STOPPING=1"]);
    }

    #[test]
    fn a_frozen_manager_is_not_waited_for_and_hears_later_that_all_began() {
        let (manager, mut notifier, _place) = world();
        let flags = rustix::fs::fcntl_getfl(&notifier.line.as_ref().unwrap().socket).unwrap();
        assert!(flags.contains(rustix::fs::OFlags::NONBLOCK), "or all that follows takes for ever");
        let mut said = 0;
        while notifier.say(&NotifyState::Watchdog) {
            said += 1;
            assert!(said < 100_000, "it takes all, whoever reads");
        }
        notifier.ready();
        notifier.status("well", true);
        notifier.tick_done();
        assert!(!heard(&manager).iter().any(|word| word == "READY=1"));
        notifier.tick_done();
        notifier.status("well", true);
        assert_eq!(heard(&manager), ["READY=1", "WATCHDOG=1", "STATUS=well"]);
    }

    #[test]
    fn a_manager_that_is_gone_is_no_fault_of_ours() {
        let (manager, mut notifier, place) = world();
        drop(manager);
        drop(place);
        notifier.ready();
        notifier.tick_done();
        notifier.stopping();
        assert!(!notifier.owes_ready);
    }

    #[test]
    fn a_name_without_a_file_is_one_too_and_others_are_none() {
        let name = format!("@claude-watchdog-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name[1..]).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        manager.set_nonblocking(true).unwrap();
        assert!(Line::to(OsStr::new(&name)).unwrap().say("READY=1"));
        assert_eq!(heard(&manager), ["READY=1"]);
        let error = Line::to(OsStr::new("vsock:2:3")).unwrap_err().to_string();
        assert_eq!(error, "NOTIFY_SOCKET=vsock:2:3 names no socket");
    }
}
