//! The process connector: events of forks, execs and exits over netlink (`linux/cn_proc.h`).

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::{CONNECTOR, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size_force, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

/// `CN_IDX_PROC`, which is the multicast group as well, and `CN_VAL_PROC`.
const PROC: u32 = 1;
const LISTEN: u32 = 1;
const NLMSG_DONE: u16 = 3;
/// `nlmsghdr` and `cn_msg`.
const HEAD: usize = 16 + 20;
pub(crate) const FORK: u32 = 1;
pub(crate) const EXEC: u32 = 2;

/// What one look at the socket met.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) calls: u64,
    pub(crate) events: u64,
    pub(crate) forks: u64,
    /// How often the kernel said `ENOBUFS`: events were lost, how many it does not say.
    pub(crate) losses: u64,
}

pub(crate) struct Connector {
    socket: OwnedFd,
}

impl Connector {
    /// Subscribes; only to the kinds of `mask` where one is given (Linux 6.6).
    pub(crate) fn open(mask: Option<u32>, room: Option<usize>) -> Result<Self, String> {
        let failed = |what: &'static str| move |e: Errno| format!("{what}: {e}");
        let socket =
            socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(CONNECTOR))
                .map_err(failed("socket"))?;
        bind(&socket, &SocketAddrNetlink::new(0, PROC)).map_err(failed("bind"))?;
        if let Some(room) = room {
            set_socket_recv_buffer_size_force(&socket, room).map_err(failed("SO_RCVBUFFORCE"))?;
        }
        let connector = Self { socket };
        connector.subscribe(&LISTEN.to_ne_bytes()).map_err(failed("send"))?;
        connector.patience(Duration::from_secs(1));
        connector.answer()?;
        if let Some(mask) = mask {
            // A second time, because the mask keeps the answer back. Older kernels ignore what is longer.
            let data = [LISTEN, mask].map(u32::to_ne_bytes).concat();
            connector.subscribe(&data).map_err(failed("send"))?;
        }
        Ok(connector)
    }

    fn subscribe(&self, data: &[u8]) -> Result<usize, Errno> {
        send(&self.socket, &message(data), SendFlags::empty())
    }

    /// Waits for the word that we are subscribed. The kernel tells nothing to those who ask from another user or
    /// pid namespace; not even that.
    fn answer(&self) -> Result<(), String> {
        let mut buffer = [0; 256];
        loop {
            match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Ok(_) if word(&buffer, HEAD) == 0 => match word(&buffer, HEAD + 16) {
                    0 => return Ok(()),
                    error => return Err(format!("refused with {error}")),
                },
                Ok(_) => {}
                Err(e) => return Err(format!("no answer to the subscription: {e}")),
            }
        }
    }

    /// How long [`Self::listen`] waits at most.
    pub(crate) fn patience(&self, time: Duration) {
        set_socket_timeout(&self.socket, Timeout::Recv, Some(time)).unwrap();
    }

    /// Takes everything that waits; `flags` may make it wait for a first one.
    pub(crate) fn listen(&self, waits: bool) -> Heard {
        let mut heard = Heard::default();
        let mut buffer = [0; 256];
        let mut flags = if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        loop {
            heard.calls += 1;
            match recv(&self.socket, &mut buffer, flags) {
                Ok(_) => {
                    heard.events += 1;
                    // A thread is told as a fork, too: a child whose pid is not its process's.
                    let process = word(&buffer, HEAD + 24) == word(&buffer, HEAD + 28);
                    heard.forks += u64::from(word(&buffer, HEAD) == FORK && process);
                }
                Err(Errno::NOBUFS) => heard.losses += 1,
                Err(_) => return heard,
            }
            flags = RecvFlags::DONTWAIT;
        }
    }
}

fn message(data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    let mut message = Vec::new();
    message.extend((u32::try_from(HEAD).unwrap() + u32::from(len)).to_ne_bytes());
    message.extend(NLMSG_DONE.to_ne_bytes());
    message.extend([0; 2]); // flags
    message.extend([0; 8]); // sequence, port
    message.extend([PROC, PROC, 0, 0].iter().flat_map(|word| word.to_ne_bytes()));
    message.extend(len.to_ne_bytes());
    message.extend([0; 2]); // flags
    message.extend(data);
    message
}

fn word(buffer: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(buffer[at..at + 4].try_into().unwrap())
}
