//! Programs that are never signalled, even as descendants of an agent: more than the agent would be lost.

use std::path::Path;

/// Base names of system programs. A project may have a program of the same name.
const SYSTEM_PROGRAMS: [&str; 26] = [
    // Init and the user's manager.
    "systemd",
    "init",
    "dbus-daemon",
    "dbus-broker",
    "dbus-broker-launch",
    // Logins.
    "sshd",
    "sshd-session",
    "login",
    "agetty",
    "mosh-server",
    // The desktop.
    "Xorg",
    "Xwayland",
    "Xvfb",
    "gnome-shell",
    "gnome-session-binary",
    "gnome-terminal-server",
    "kwin_x11",
    "kwin_wayland",
    "plasmashell",
    "xfwm4",
    "xfce4-session",
    "sway",
    "weston",
    "gdm3",
    "sddm",
    "lightdm",
];

/// Base names that are protected in any directory: users build these themselves.
const PROGRAMS_IN_ANY_DIRECTORY: [&str; 6] = [
    // Terminal multiplexers, which hold other work.
    "tmux",
    "screen",
    "zellij",
    "dtach",
    "abduco",
    // This program.
    "claude-watchdog",
];

/// Top directories of system programs; also those that begin with `lib`.
const SYSTEM_DIRECTORIES: [&str; 7] = ["usr", "bin", "sbin", "opt", "nix", "gnu", "snap"];

/// Whether a program of this base name is never signalled. `exe` is the path of its executable; `None` if that is
/// hidden, so that the name has to do.
#[must_use]
pub fn is_protected(name: &str, exe: Option<&Path>) -> bool {
    PROGRAMS_IN_ANY_DIRECTORY.contains(&name)
        || (SYSTEM_PROGRAMS.contains(&name) && exe.is_none_or(is_in_system_directory))
}

fn is_in_system_directory(exe: &Path) -> bool {
    let top = exe.iter().nth(1).and_then(|top| top.to_str()).unwrap_or_default();
    SYSTEM_DIRECTORIES.contains(&top) || top.starts_with("lib")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protects(exe: &str) -> bool {
        let path = Path::new(exe);
        is_protected(path.file_name().unwrap().to_str().unwrap(), Some(path))
    }

    #[test]
    fn system_programs_are_protected_in_system_directories_only() {
        for exe in [
            "/usr/bin/login",
            "/sbin/init",
            "/lib/systemd/systemd",
            "/nix/store/x/bin/sway",
            "/usr/sbin/sshd",
        ] {
            assert!(protects(exe), "{exe}");
        }
        for exe in [
            "/home/u/proj/target/debug/login",
            "/tmp/init",
            "/root/sway",
            "/work/p/build/sshd",
            "/memfd:init",
        ] {
            assert!(!protects(exe), "{exe}");
        }
        assert!(is_protected("login", None), "by name alone if the path is hidden");
    }

    #[test]
    fn multiplexers_are_protected_in_any_directory() {
        assert!(protects("/home/u/.local/bin/tmux") && protects("/usr/bin/zellij"));
        assert!(!protects("/usr/bin/node"));
    }
}
