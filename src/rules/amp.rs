//! Amp.

use super::built_in::BuiltIn;

/// A native binary that npm links to `amp.exe`; the older package `@sourcegraph/amp` depends on it. No `argv0`: an
/// editor has the same name.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "amp",
    exe: &["@ampcode/*cli*/bin/amp.exe", "@ampcode/*cli-*/amp", ".amp/bin/amp"],
    script: &["@ampcode/cli/cli-wrapper.cjs", "@sourcegraph/amp/dist/main.js"],
    resume: Some("amp threads continue"),
    launcher: true,
    ..BuiltIn::NOTHING
};
