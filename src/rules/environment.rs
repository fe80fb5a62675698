//! Environment variables that an agent's tools inherit from it.

use std::ffi::{OsStr, OsString};

use crate::model::SpawnOrigin;

/// The variables that are read; no others are.
///
/// Claude Code sets the first for its tools and helpers (seen with 2.1.197), older versions only the second, Gemini CLI
/// the third (0.61). Of the last, the options of Node, one number is used.
pub const VARIABLES: &[&str] = &["CLAUDE_CODE_SESSION_ID", "CLAUDECODE", "GEMINI_CLI", "NODE_OPTIONS"];

/// A longer value is not an id.
const MAX_SESSION_ID_LEN: usize = 64;

/// One of the [`VARIABLES`].
pub(crate) fn value<'a>(values: &'a [Option<OsString>], name: &str) -> Option<&'a OsStr> {
    let at = VARIABLES.iter().position(|v| *v == name)?;
    values.get(at)?.as_deref()
}

/// The origin of a process, by the values of [`VARIABLES`] in its environment.
#[must_use]
pub fn origin(values: &[Option<OsString>]) -> Option<SpawnOrigin> {
    let value = |name: &str| value(values, name).and_then(OsStr::to_str).filter(|value| !value.is_empty());
    let of = |rule: &str| SpawnOrigin { rule: rule.to_owned(), session: None, resume: None };
    // Only a plain word is an id: it becomes part of a command that people paste.
    let plain = |id: &&str| {
        id.len() <= MAX_SESSION_ID_LEN && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if let Some(session) = value("CLAUDE_CODE_SESSION_ID").filter(plain) {
        let resume = Some(format!("claude --resume {session}"));
        return Some(SpawnOrigin { session: Some(session.into()), resume, ..of("claude") });
    }
    if value("CLAUDECODE").is_some() {
        return Some(of("claude"));
    }
    value("GEMINI_CLI").map(|_| of("gemini"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(session: Option<&str>, claude: Option<&str>, gemini: Option<&str>) -> Option<SpawnOrigin> {
        origin(&[session, claude, gemini].map(|value| value.map(OsString::from)))
    }

    #[test]
    fn a_claude_tool_has_its_session_id() {
        let origin = of(Some("7a1c-9"), Some("1"), None).unwrap();
        assert_eq!((origin.rule.as_str(), origin.session.as_deref()), ("claude", Some("7a1c-9")));
        assert_eq!(origin.resume.as_deref(), Some("claude --resume 7a1c-9"));
    }

    #[test]
    fn without_a_session_only_the_rule_is_known() {
        assert_eq!(of(None, Some("1"), None).unwrap().session, None);
        assert_eq!(of(Some("x; rm -rf /"), Some("1"), None).unwrap().resume, None, "not a valid id");
        assert_eq!(of(None, None, Some("1")).unwrap().rule, "gemini");
        assert_eq!(of(None, None, None), None);
        assert_eq!(of(Some(""), Some(""), None), None);
        assert_eq!(origin(&[]), None);
    }
}
