//! Programs that are never signalled, whoever started them: with them dies more than an agent.

/// Base names of executables.
const NAMES: [&str; 32] = [
    // Init and the user's manager.
    "systemd",
    "init",
    "dbus-daemon",
    "dbus-broker",
    "dbus-broker-launch",
    // Ways in.
    "sshd",
    "sshd-session",
    "login",
    "agetty",
    "mosh-server",
    // Terminals that hold other people's work.
    "tmux",
    "screen",
    "zellij",
    "dtach",
    "abduco",
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
    // Ourselves.
    "claude-watchdog",
];

/// Whether a program of that base name is never signalled.
#[must_use]
pub fn is_protected(name: &str) -> bool {
    NAMES.contains(&name)
}
