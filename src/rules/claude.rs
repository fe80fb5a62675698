//! Claude Code.

use super::built_in::BuiltIn;

/// A native binary since 2.1.113, before that a script that called itself `claude` and lost its arguments with that.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "claude",
    exe: &[
        // npm. An update renames the folder of what still runs to `.claude-code-XXXXXXXX` before it removes it.
        "@anthropic-ai/*claude-code*/bin/claude.exe",
        "@anthropic-ai/*claude-code-*/claude",
        // Its own installer: a file named by its version, behind ~/.local/bin/claude.
        ".local/share/claude/versions/*",
    ],
    script: &[
        "@anthropic-ai/claude-code/cli.js",
        // For where npm ran no install script; it starts the binary as its child.
        "@anthropic-ai/claude-code/cli-wrapper.cjs",
        "*bin/claude",
    ],
    // The second where the file was moved elsewhere while it ran.
    argv0: &["claude", "claude.exe"],
    // It is its own search tools: its binary is started under these names, by itself and by the functions `find` and
    // `grep` that it puts into its shells, and under the last one to enter its sandbox (2.1.197).
    not_argv0: &["rg", "bfs", "ugrep", "apply-seccomp"],
    resume: Some("claude --continue"),
    launcher: true,
    ..BuiltIn::NOTHING
};
