//! Whether a write to a closed pipe was to end whoever started us. Rust ignores that signal before `main`, and an exec by
//! its library takes back the default.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigHandler, Signal, signal};

static WAS_IGNORED: AtomicBool = AtomicBool::new(false);

#[used]
#[allow(unsafe_code, reason = "nothing else runs before Rust's own start")]
// SAFETY: the loader calls what stands in this section, once, before `main`; it needs nothing of Rust's start.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note;

#[allow(unsafe_code, reason = "there is no other way to ask for a disposition")]
extern "C" fn note() {
    // SAFETY: there is one thread yet, and neither handler is one of ours.
    let Ok(before) = (unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }) else { return };
    let ignored = matches!(before, SigHandler::SigIgn);
    WAS_IGNORED.store(ignored, Ordering::Relaxed);
}

/// What `command` becomes ignores `SIGPIPE` where we were started so. `exec` is meant: there it is the last thing done.
#[allow(unsafe_code, reason = "the library does it in an unsafe function only")]
pub fn hand_on(command: &mut Command) {
    if !WAS_IGNORED.load(Ordering::Relaxed) {
        return;
    }
    let ignore = || {
        // SAFETY: it is no handler.
        unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) }?;
        Ok(())
    };
    // SAFETY: one system call, which may stand between a fork and an exec.
    unsafe { command.pre_exec(ignore) };
}
