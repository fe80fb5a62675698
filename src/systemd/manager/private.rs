//! The manager's own socket, which `systemctl` and `systemd-run` use: no bus in between, so a call is one round trip.
//!
//! systemd(1) calls it internal, so whoever finds it shut, or different, takes the bus.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, connect, sendmsg, socket_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;

use super::Which;

/// The field of a message's header that names who sent it, as the manager fills it in (`bus_on_connection` of systemd's
/// dbus.c): a name that is no unique one, which zbus takes for a broken message.
const SENDER: &[u8] = b"\x07\x01s\0";
const NAME: &[u8] = b"org.freedesktop.systemd1";

/// Where it is; `None`: a user without a runtime directory.
pub(super) fn path(which: Which) -> Option<PathBuf> {
    match which {
        Which::System => Some(PathBuf::from("/run/systemd/private")),
        Which::User => {
            let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|runtime| !runtime.is_empty())?;
            Some(Path::new(&runtime).join("systemd/private"))
        }
    }
}

/// A connection to it that knows who we are.
#[derive(Debug)]
pub(super) struct Private(UnixStream);

/// The longest answer to our introduction; it has some 60 bytes.
const LONGEST_ANSWER: usize = 256;

impl Private {
    /// Connects, within a tokio runtime, and introduces us; with the name that the manager gives itself. All of that goes out
    /// at once, as `sd-bus` does it: one round trip and not three.
    pub(super) async fn open(path: &Path) -> io::Result<(Self, String)> {
        // Without waiting: where the manager accepts nobody the bus is tried.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        let mut socket = UnixStream::from_std(socket.into())?;
        let uid = rustix::process::geteuid().as_raw().to_string();
        socket.write_all(introduction(&uid).as_bytes()).await?;
        let mut answer = Vec::with_capacity(LONGEST_ANSWER);
        loop {
            if let Some(name) = accepted(&answer) {
                return Ok((Self(socket), name));
            }
            let ended = answer.len() >= LONGEST_ANSWER || socket.read_buf(&mut answer).await? == 0;
            if ended || !b"OK ".starts_with(answer.get(..3).unwrap_or(&answer)) {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the manager does not take us"));
            }
        }
    }
}

/// Who we are, that descriptors may be handed over, and that it begins (the D-Bus specification, Authentication Protocol).
fn introduction(uid: &str) -> String {
    // Its digits in hex: 30 is 0.
    let hex: String = uid.chars().flat_map(|digit| ['3', digit]).collect();
    format!("\0AUTH EXTERNAL {hex}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
}

/// The manager's name in its answer; `None` where that is not, or not yet, that all is well.
fn accepted(answer: &[u8]) -> Option<String> {
    let name = answer.strip_prefix(b"OK ")?.strip_suffix(b"\r\nAGREE_UNIX_FD\r\n")?;
    String::from_utf8(name.to_vec()).ok()
}

impl Socket for Private {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let (read, write) = self.0.into_split();
        Split::new(Reader { socket: read, names: Names::new() }, Writer(write))
    }
}

/// What the manager says.
#[derive(Debug)]
pub(super) struct Reader {
    socket: OwnedReadHalf,
    names: Names,
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let read = self.socket.read(buffer).await?;
        self.names.make_unique(buffer.get_mut(..read).unwrap_or_default());
        // It sends no descriptors in answer to what we ask.
        Ok((read, Vec::new()))
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

/// What it is told.
#[derive(Debug)]
pub(super) struct Writer(OwnedWriteHalf);

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let socket: &UnixStream = self.0.as_ref();
        let send = || {
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            Ok(sendmsg(socket, &[io::IoSlice::new(buffer)], &mut control, SendFlags::NOSIGNAL)?)
        };
        socket.async_io(Interest::WRITABLE, send).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

/// Makes the manager's name look like a unique one of the same length, wherever a read happens to be cut.
#[derive(Debug)]
struct Names {
    /// What stands before and in a name.
    wanted: Vec<u8>,
    /// How much of that was seen last.
    seen: usize,
}

impl Names {
    fn new() -> Self {
        // Both run on the same machine, so the length is in its order.
        let length = u32::try_from(NAME.len()).unwrap_or_default().to_ne_bytes();
        Self { wanted: [SENDER, &length, NAME.get(..1).unwrap_or_default()].concat(), seen: 0 }
    }

    fn make_unique(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.wanted.get(self.seen) != Some(byte) {
                // What is wanted begins with a byte that is not in it again.
                self.seen = 0;
            }
            self.seen += usize::from(self.wanted.get(self.seen) == Some(byte));
            if self.seen == self.wanted.len() {
                *byte = b':';
                self.seen = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_looks_unique_wherever_its_message_is_cut() {
        let length = u32::try_from(NAME.len()).unwrap().to_ne_bytes();
        let whole = [b"l\x07\x07\x01s".as_slice(), b"\0", &length, NAME, b"\0\x07\x01g\0"].concat();
        let told =
            [b"l\x07\x07\x01s".as_slice(), b"\0", &length, b":rg.freedesktop.systemd1\0\x07\x01g\0"].concat();
        for cut in 0..=whole.len() {
            let mut bytes = whole.clone();
            let (first, second) = bytes.split_at_mut(cut);
            let mut names = Names::new();
            names.make_unique(first);
            names.make_unique(second);
            assert_eq!(bytes, told, "cut at {cut}");
        }
        assert!(zbus::names::UniqueName::try_from(":rg.freedesktop.systemd1").is_ok());
    }

    #[test]
    fn a_user_without_a_runtime_directory_has_none() {
        assert_eq!(path(Which::System).unwrap(), Path::new("/run/systemd/private"));
    }

    #[test]
    fn an_introduction_is_one_and_its_answer_is_whole_or_none() {
        assert_eq!(introduction("1000"), "\0AUTH EXTERNAL 31303030\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
        let answer = b"OK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n";
        assert_eq!(accepted(answer).as_deref(), Some("0123456789abcdef0123456789abcdef"));
        for cut in 0..answer.len() {
            assert_eq!(accepted(&answer[..cut]), None, "{cut}");
        }
        assert_eq!(accepted(b"REJECTED\r\n"), None);
    }

    /// A manager that answers so, in pieces; whether it is taken.
    fn met(pieces: &'static [&'static [u8]]) -> io::Result<String> {
        use std::io::{Read, Write};
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("private");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let manager = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut told = [0; 256];
            let length = socket.read(&mut told).unwrap();
            assert!(told[..length].ends_with(b"BEGIN\r\n"));
            for piece in pieces {
                socket.write_all(piece).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let name = runtime.block_on(Private::open(&path)).map(|(_, name)| name);
        manager.join().unwrap();
        name
    }

    #[test]
    fn a_manager_takes_us_or_the_bus_is_tried() {
        const REFUSALS: [&[&[u8]]; 4] =
            [&[b"REJECTED EXTERNAL\r\n"], &[b"OK 00ff\r\n"], &[], &[&[b'x'; 300]]];
        assert_eq!(met(&[b"O", b"K 00ff\r\nAGREE", b"_UNIX_FD\r\n"]).unwrap(), "00ff");
        for pieces in REFUSALS {
            assert!(met(pieces).is_err(), "{pieces:?}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(runtime.block_on(Private::open(Path::new("/nowhere/private"))).is_err());
    }
}
