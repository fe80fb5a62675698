//! Google's Gemini CLI.

use super::built_in::BuiltIn;

/// A script that starts itself again as its child with a larger heap; the child is the one that does the work and
/// that obeys SIGTERM.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "gemini",
    script: &["@google/gemini-cli/*/gemini.js", "@google/gemini-cli/*/index.js", "*bin/gemini"],
    resume: Some("gemini --resume"),
    launcher: true,
    ..BuiltIn::NOTHING
};
