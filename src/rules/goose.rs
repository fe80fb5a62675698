//! goose, the agent.

use super::built_in::BuiltIn;

/// There is another `goose`, which migrates databases and is the better known one. Only the place tells them apart,
/// and this decides by it alone: the agent's installer puts it into `~/.local/bin`, the other's into
/// `/usr/local/bin`, and `go install` into `~/go/bin`. A first argument (`up`, `session`) would not tell: both have
/// options in front, and neither list of commands stands still. So there is no `argv0`, an agent elsewhere takes
/// a line in a file, and a migration from `~/.local/bin` counts as an agent for as long as it runs.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "goose",
    exe: &[".local/bin/goose", "*block-goose*/**/goose"],
    resume: Some("goose session --resume"),
    ..BuiltIn::NOTHING
};
