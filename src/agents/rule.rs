//! What a rule is, and what it means that it matches.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How one kind of agent is recognised. Patterns are path endings, compared component by component; a `*` stands
/// for any run of characters within one component.
#[derive(Debug)]
pub(super) struct Rule {
    /// The rule's name, which the agents that it recognises carry.
    pub(super) name: &'static str,
    /// Endings of the executable's path.
    pub(super) exe: &'static [&'static str],
    /// Endings of the path of the script that an interpreter runs.
    pub(super) script: &'static [&'static str],
    /// Base names of `argv[0]`.
    pub(super) argv0: &'static [&'static str],
    /// The command that takes up the work.
    pub(super) resume: Option<&'static str>,
}

impl Rule {
    pub(super) fn matches_exe(&self, exe: &Path) -> bool {
        self.exe_pattern(exe).is_some()
    }

    pub(super) fn matches_script(&self, script: &Path) -> bool {
        self.script_pattern(script).is_some()
    }

    pub(super) fn matches_argv0(&self, argv0: &Path) -> bool {
        self.argv0_name(argv0).is_some()
    }

    /// The pattern that the executable matches.
    pub(super) fn exe_pattern(&self, exe: &Path) -> Option<&'static str> {
        self.exe.iter().copied().find(|pattern| ends_with(exe, pattern))
    }

    /// The pattern that the script matches.
    pub(super) fn script_pattern(&self, script: &Path) -> Option<&'static str> {
        self.script.iter().copied().find(|pattern| ends_with(script, pattern))
    }

    /// The name that `argv[0]` is.
    pub(super) fn argv0_name(&self, argv0: &Path) -> Option<&'static str> {
        let name = argv0.file_name()?;
        self.argv0.iter().copied().find(|wanted| name == *wanted)
    }
}

fn ends_with(path: &Path, pattern: &str) -> bool {
    let mut components = path.iter().rev();
    pattern
        .rsplit('/')
        .all(|wanted| components.next().is_some_and(|c| component(c.as_bytes(), wanted.as_bytes())))
}

/// Whether one component fits a pattern with at most one `*`.
fn component(text: &[u8], pattern: &[u8]) -> bool {
    match pattern.iter().position(|&b| b == b'*') {
        None => text == pattern,
        Some(star) => {
            let (before, after) = (&pattern[..star], &pattern[star + 1..]);
            text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_path_ending() {
        assert!(ends_with(Path::new("/a/b/c"), "b/c"));
        assert!(ends_with(Path::new("c"), "c"));
        assert!(!ends_with(Path::new("/a/xb/c"), "b/c"), "components are whole");
        assert!(!ends_with(Path::new("c"), "b/c"));
        assert!(ends_with(Path::new("/x/versions/2.1.197"), "versions/*"));
        assert!(!ends_with(Path::new("/x/versions"), "versions/*"));
        assert!(ends_with(Path::new("/p/claude-code-linux-x64/claude"), "claude-code-*/claude"));
        assert!(!ends_with(Path::new("/p/claude-code/claude"), "claude-code-*/claude"));
    }
}
