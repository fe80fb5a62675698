//! The terminal as it was found: a program that is killed leaves it as it had it for itself.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use nix::unistd::getpgrp;
use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// The terminal that controls us.
pub(super) struct Tty {
    file: File,
    settings: Termios,
}

impl Tty {
    /// `None` where there is none, or it is somebody else's at the moment: the settings are theirs then.
    pub(super) fn found() -> Option<Self> {
        let no_new_one = i32::try_from(OFlags::NOCTTY.bits()).ok()?;
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(no_new_one).open("/dev/tty").ok()?;
        let settings = tcgetattr(&file).ok()?;
        let tty = Self { file, settings };
        tty.is_ours().then_some(tty)
    }

    /// Puts its settings back, where it is ours.
    pub(super) fn put_back(&self) {
        if self.is_ours() {
            // A terminal that is gone needs no settings.
            let _ = tcsetattr(&self.file, OptionalActions::Now, &self.settings);
        }
    }

    fn is_ours(&self) -> bool {
        // A group of another pid namespace is an error: ours may be such a one, but not to be told from others.
        tcgetpgrp(&self.file).is_ok_and(|group| group.as_raw_pid() == getpgrp().as_raw())
    }
}
