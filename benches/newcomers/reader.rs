//! Reads small files of `/proc` and counts the system calls it makes.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, openat};

/// Room for the largest file we read: a cmdline or an environment.
const ROOM: usize = 64 * 1024;

pub(crate) struct Reader {
    dir: OwnedFd,
    buffer: Vec<u8>,
    pub(crate) calls: u64,
}

impl Reader {
    pub(crate) fn new() -> Self {
        let dir = openat(CWD, "/proc", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        Self { dir, buffer: vec![0; ROOM], calls: 0 }
    }

    /// The number of calls since the last call of this.
    pub(crate) fn take_calls(&mut self) -> u64 {
        std::mem::take(&mut self.calls)
    }

    pub(crate) fn open(&mut self, name: &str) -> Option<OwnedFd> {
        self.calls += 1;
        openat(&self.dir, name, OFlags::CLOEXEC, Mode::empty()).ok()
    }

    /// Reads to the end of the file, as the library does.
    pub(crate) fn whole(&mut self, name: &str) -> Option<&[u8]> {
        let file = self.open(name)?;
        let mut len = 0;
        loop {
            self.calls += 1;
            match rustix::io::read(&file, &mut self.buffer[len..]).ok()? {
                0 => break,
                more => len += more,
            }
        }
        self.calls += 1; // close
        Some(&self.buffer[..len])
    }

    /// Reads once: `/proc` returns a small file in one read.
    pub(crate) fn once(&mut self, name: &str) -> Option<&[u8]> {
        let file = self.open(name)?;
        self.calls += 2; // and close
        let len = rustix::io::read(&file, &mut self.buffer).ok()?;
        Some(&self.buffer[..len])
    }

    /// Reads a file that was opened before, from its start.
    pub(crate) fn again(&mut self, file: &OwnedFd) -> Option<&[u8]> {
        self.calls += 1;
        let len = rustix::io::pread(file, &mut self.buffer[..], 0).ok()?;
        Some(&self.buffer[..len])
    }
}
