//! Passes an ignored `SIGPIPE` on to the executed command. Rust ignores that signal before `main`, and restores the default
//! at an exec by its library, so the inherited disposition would be lost.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigHandler, Signal, signal};

static WAS_IGNORED: AtomicBool = AtomicBool::new(false);

#[used]
#[allow(unsafe_code, reason = "nothing else runs before Rust's own start")]
// SAFETY: the loader calls the functions in this section once, before `main`; this one needs nothing of Rust's start.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = record;

#[allow(unsafe_code, reason = "a disposition can be read in no other way")]
extern "C" fn record() {
    // SAFETY: there is only one thread yet, and neither handler is ours.
    let Ok(before) = (unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }) else { return };
    let ignored = matches!(before, SigHandler::SigIgn);
    WAS_IGNORED.store(ignored, Ordering::Relaxed);
}

/// Makes `command` ignore `SIGPIPE` if this process was started so. For `exec`, where it is the last step.
#[allow(unsafe_code, reason = "the library offers it as an unsafe function only")]
pub fn forward(command: &mut Command) {
    if !WAS_IGNORED.load(Ordering::Relaxed) {
        return;
    }
    let ignore = || {
        // SAFETY: SIG_IGN is no handler.
        unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) }?;
        Ok(())
    };
    // SAFETY: one system call, which is allowed between a fork and an exec.
    unsafe { command.pre_exec(ignore) };
}
