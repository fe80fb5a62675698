//! Claude Code.

use super::rule::Rule;

/// The native binary as npm installs it (2.1.113 and later) and as its own installer does, the script that it was
/// before, and the name that the script gave itself.
pub(super) const RULE: Rule = Rule {
    name: "claude",
    exe: &[
        "@anthropic-ai/claude-code/bin/claude.exe",
        "@anthropic-ai/claude-code-*/claude",
        ".local/share/claude/versions/*",
    ],
    script: &["@anthropic-ai/claude-code/cli.js", "claude"],
    argv0: &["claude"],
    resume: Some("claude --continue"),
};
