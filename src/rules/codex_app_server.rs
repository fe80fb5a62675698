//! The background server of Codex, one for all terminals of a user.

use super::built_in::BuiltIn;

/// The first terminal starts it, in a session of its own, and it outlives them all. Codex copies itself into the
/// folder of its packages for that; so the path tells it from a `codex app-server` that an editor or a person runs.
/// The process that looks for updates (`app-server daemon pid-update-loop`) runs from there as well.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "codex-app-server",
    exe: &["packages/app-server-daemon/releases/**/codex"],
    not_argv0: super::codex::RULE.not_argv0,
    service: true,
    ..BuiltIn::NOTHING
};
