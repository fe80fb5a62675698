//! Codex, of `OpenAI`.

use super::built_in::BuiltIn;

/// A native binary. npm's script starts it as its child under Node 20 and 22, and execs it in place where Node can
/// (24). `codex app-server` in the hands of an editor is this, too; the one that several terminals share is
/// [`super::codex_app_server`].
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "codex",
    exe: &[
        // npm, in the package of the platform: `codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex`.
        "@openai/*codex*/vendor/*/bin/codex",
        // An older layout of the same package.
        "@openai/*codex*/vendor/*/codex/codex",
        // Its own installer, and a release's file unpacked as it is.
        "packages/standalone/**/codex",
        "codex-*-unknown-linux-*",
    ],
    script: &["@openai/codex/bin/codex.js", "*bin/codex"],
    argv0: &["codex"],
    // The same file under these names enters its sandbox or patches files, then execs or ends (0.169).
    not_argv0: &["codex-linux-sandbox", "apply_patch", "applypatch"],
    resume: Some("codex resume --last"),
    launcher: true,
    ..BuiltIn::NOTHING
};
