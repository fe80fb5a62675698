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

/// The events of one read of the socket.
#[derive(Default)]
pub(crate) struct ConnectorEvents {
    pub(crate) calls: u64,
    pub(crate) total: u64,
    pub(crate) forks: u64,
    /// The number of `ENOBUFS` errors: events were lost, an unknown number each time.
    pub(crate) losses: u64,
}

pub(crate) struct Connector {
    socket: OwnedFd,
}

impl Connector {
    /// Subscribes, to the kinds in `mask` only if it is given (Linux 6.6).
    pub(crate) fn open(mask: Option<u32>, room: Option<usize>) -> Result<Self, String> {
        let failed = |call: &'static str| move |e: Errno| format!("{call}: {e}");
        let socket =
            socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(CONNECTOR))
                .map_err(failed("socket"))?;
        bind(&socket, &SocketAddrNetlink::new(0, PROC)).map_err(failed("bind"))?;
        if let Some(room) = room {
            set_socket_recv_buffer_size_force(&socket, room).map_err(failed("SO_RCVBUFFORCE"))?;
        }
        let connector = Self { socket };
        connector.subscribe(&LISTEN.to_ne_bytes()).map_err(failed("send"))?;
        connector.set_receive_timeout(Duration::from_secs(1));
        connector.answer()?;
        if let Some(mask) = mask {
            // A second message, because the mask suppresses the reply. Older kernels ignore a longer message.
            let data = [LISTEN, mask].map(u32::to_ne_bytes).concat();
            connector.subscribe(&data).map_err(failed("send"))?;
        }
        Ok(connector)
    }

    fn subscribe(&self, data: &[u8]) -> Result<usize, Errno> {
        send(&self.socket, &message(data), SendFlags::empty())
    }

    /// Waits for the confirmation. The kernel sends nothing to processes in another user or pid namespace, not even
    /// this.
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

    /// Sets the timeout of [`Self::listen`].
    pub(crate) fn set_receive_timeout(&self, time: Duration) {
        set_socket_timeout(&self.socket, Timeout::Recv, Some(time)).unwrap();
    }

    /// Reads all pending events; if `waits`, waits for the first one.
    pub(crate) fn listen(&self, waits: bool) -> ConnectorEvents {
        let mut events = ConnectorEvents::default();
        let mut buffer = [0; 256];
        let mut flags = if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        loop {
            events.calls += 1;
            match recv(&self.socket, &mut buffer, flags) {
                Ok(_) => {
                    events.total += 1;
                    // A new thread is reported as a fork as well: its pid differs from that of its process.
                    let process = word(&buffer, HEAD + 24) == word(&buffer, HEAD + 28);
                    events.forks += u64::from(word(&buffer, HEAD) == FORK && process);
                }
                Err(Errno::NOBUFS) => events.losses += 1,
                Err(_) => return events,
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
