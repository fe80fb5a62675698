//! How each kind of agent is recognised, and how its work is taken up again. One file a kind.

mod claude;
mod interpreter;
mod rule;
mod trial;

use std::ffi::OsString;
use std::path::Path;

use rule::Rule;

pub use trial::{End, Look, Outcome, Part, Trial, Tried, explain};

use crate::model::{Recognised, Role};

/// The rules that are built in, in the order in which they are tried.
const RULES: [&Rule; 1] = [&claude::RULE];

/// The names of the rules, in the order in which they are tried.
pub fn names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.name)
}

/// What is known of a process when it is asked what it is.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its executable; `None` where we may not see it.
    pub exe: Option<&'a Path>,
    /// Its arguments.
    pub argv: &'a [OsString],
}

/// What a rule recognises in these facts.
///
/// Looks at the executable's path, then at an interpreter's script, then at `argv[0]`; never at the command name
/// (Node 24 calls every program `MainThread`) nor at the joined command line (each shell that Claude starts has
/// `.claude/shell-snapshots/` in it). A script that no rule knows ends the search.
#[must_use]
pub fn recognise(facts: Facts<'_>) -> Option<Recognised> {
    let program = facts.exe.map(without_deleted);
    let by = |matches: &dyn Fn(&Rule) -> bool| {
        RULES.iter().find(|r| matches(r)).map(|r| Recognised {
            rule: r.name.to_owned(),
            role: Role::Agent,
            resume: r.resume.map(str::to_owned),
        })
    };
    if let Some(exe) = &program
        && let Some(name) = by(&|rule| rule.matches_exe(exe))
    {
        return Some(name);
    }
    let argv0 = Path::new(facts.argv.first()?);
    if interpreter::is_one(program.as_deref().unwrap_or(argv0))
        && let Some(script) = interpreter::script(&facts.argv[1..])
    {
        return by(&|rule| rule.matches_script(Path::new(script)));
    }
    by(&|rule| rule.matches_argv0(argv0))
}

/// The path of an executable that may have been replaced under its process: agents update themselves while they run.
fn without_deleted(exe: &Path) -> std::path::PathBuf {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = exe.as_os_str().as_bytes();
    let bytes = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
    OsString::from_vec(bytes.to_vec()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(exe: &str, argv: &[&str]) -> Option<String> {
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        recognise(Facts { exe: (!exe.is_empty()).then(|| Path::new(exe)), argv: &argv }).map(|r| r.rule)
    }

    #[test]
    fn claude_code_in_each_form_it_was_seen_in() {
        let npm = "/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe";
        let native = "/home/u/.local/share/claude/versions/2.1.197";
        let node = "/usr/bin/node";
        let cases: &[(&str, &str, &[&str])] = &[
            ("native binary by npm", npm, &["claude"]),
            ("the same, replaced while it runs", &format!("{npm} (deleted)"), &["claude", "--resume"]),
            ("platform package", "/x/node_modules/@anthropic-ai/claude-code-linux-x64/claude", &["claude"]),
            ("native installer, through its link", native, &["/home/u/.local/bin/claude"]),
            ("native installer, its versioned file", native, &[native, "-p", "hi"]),
            ("old script by its link", node, &["node", "/usr/local/bin/claude", "-c"]),
            ("old script by its file", node, &["node", "/x/@anthropic-ai/claude-code/cli.js"]),
            ("old script after options", node, &["node", "--max-old-space-size=8192", "/x/bin/claude"]),
            ("old script after options with values", node, &["node", "-r", "/x/hook.js", "/x/bin/claude"]),
            ("old script whose title replaced its arguments", node, &["claude"]),
            ("arguments only, the executable hidden from us", "", &["claude"]),
            ("a copy under its own name", "/opt/tools/claude", &["claude"]),
        ];
        for (what, exe, argv) in cases {
            assert_eq!(recognised(exe, argv).as_deref(), Some("claude"), "{what}");
        }
    }

    #[test]
    fn what_only_mentions_claude_is_no_agent() {
        let snapshot = "source /home/u/.claude/shell-snapshots/snapshot-bash-1.sh && eval 'make'";
        let cases: &[(&str, &[&str])] = &[
            ("/usr/bin/node", &["node", "server.js"]),
            ("/usr/bin/node", &["node", "/home/u/claude-x/server.js"]),
            ("/usr/bin/node", &["node", "/home/u/claude/index.js"]),
            ("/usr/bin/node", &["node", "-e", "require('claude')"]),
            ("/usr/bin/bash", &["/bin/bash", "-c", "-l", snapshot]),
            ("/usr/bin/grep", &["grep", "claude"]),
            ("/usr/bin/less", &["less", "/home/u/.claude/x"]),
            ("/usr/bin/vim", &["vim", "claude"]),
            ("/usr/bin/tmux", &["tmux", "new", "-s", "claude"]),
            ("/usr/bin/python3", &["python3", "-m", "claude"]),
            ("/usr/bin/python3", &["claude", "leak.py"]),
            ("/usr/bin/claude-watchdog", &["claude-watchdog", "daemon"]),
            ("", &[]),
        ];
        for (exe, argv) in cases {
            assert_eq!(recognised(exe, argv), None, "{argv:?}");
        }
    }
}
