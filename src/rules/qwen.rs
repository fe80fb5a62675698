//! Qwen Code.

use super::built_in::BuiltIn;

/// A descendant of Gemini CLI: it starts itself again as its child, too.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "qwen",
    script: &[
        "@qwen-code/qwen-code/cli.js",
        "@qwen-code/qwen-code/*/cli.js",
        "@qwen-code/qwen-code/*/index.js",
        "*bin/qwen",
    ],
    resume: Some("qwen --continue"),
    launcher: true,
    ..BuiltIn::NOTHING
};
