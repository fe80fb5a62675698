//! Restores the terminal settings: a killed program does not reset its own.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use nix::unistd::getpgrp;
use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// The controlling terminal, with the settings from before the command.
pub(super) struct Tty {
    file: File,
    settings: Termios,
}

impl Tty {
    /// `None` without a controlling terminal, or while another process group has it: the settings are of that one then.
    pub(super) fn open() -> Option<Self> {
        let noctty = i32::try_from(OFlags::NOCTTY.bits()).ok()?;
        let file = OpenOptions::new().read(true).write(true).custom_flags(noctty).open("/dev/tty").ok()?;
        let settings = tcgetattr(&file).ok()?;
        let tty = Self { file, settings };
        tty.is_ours().then_some(tty)
    }

    /// Restores its settings, unless another process group has it.
    pub(super) fn restore(&self) {
        if self.is_ours() {
            // A terminal that has been closed needs no settings.
            let _ = tcsetattr(&self.file, OptionalActions::Now, &self.settings);
        }
    }

    fn is_ours(&self) -> bool {
        // A group of another pid namespace is an error. It may be ours, but that cannot be known.
        tcgetpgrp(&self.file).is_ok_and(|group| group.as_raw_pid() == getpgrp().as_raw())
    }
}
