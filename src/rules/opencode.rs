//! opencode.

use super::built_in::BuiltIn;

/// A native binary; npm links it to `opencode.exe`, or leaves a script there that starts it as its child.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "opencode",
    exe: &[
        "*opencode-ai*/bin/opencode.exe",
        "*opencode-linux-*/bin/opencode",
        // Its own installer.
        ".opencode/bin/opencode",
    ],
    script: &["opencode-ai/bin/opencode*", "*bin/opencode"],
    argv0: &["opencode"],
    resume: Some("opencode --continue"),
    launcher: true,
    ..BuiltIn::NOTHING
};
