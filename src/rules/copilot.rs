//! GitHub's Copilot CLI.

use super::built_in::BuiltIn;

/// npm's script starts a native binary as its child. No `argv0`: the CLI of AWS Copilot has the same name.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "copilot",
    exe: &["@github/*copilot-*/copilot"],
    script: &["@github/copilot/npm-loader.js", "@github/copilot/index.js", "*bin/copilot"],
    resume: Some("copilot --continue"),
    launcher: true,
    ..BuiltIn::NOTHING
};
