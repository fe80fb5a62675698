//! Validation of patterns. Each error names the expected form.

/// A text that is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern `{}`, expected {expected}", text.escape_debug())]
pub struct PatternError {
    text: String,
    expected: String,
}

impl PatternError {
    /// Rejects `text`; `expected` describes the accepted form.
    #[must_use]
    pub fn new(text: &str, expected: impl Into<String>) -> Self {
        Self { text: text.to_owned(), expected: expected.into() }
    }

    /// The accepted form, to follow "expected".
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

/// The longest path (`PATH_MAX`, limits.h).
const MAX_PATTERN_LEN: usize = 4096;

pub(crate) fn path(text: &str) -> Result<(), PatternError> {
    let reject = |expected: String| Err(PatternError::new(text, expected));
    check_common(text, "a path ending")?;
    if text.ends_with('/') {
        let trimmed = text.trim_end_matches('/');
        return reject(format!("a file path without a trailing /{}", example_from(trimmed)));
    }
    let components: Vec<&str> = text.strip_prefix('/').unwrap_or(text).split('/').collect();
    if components.iter().any(|name| matches!(*name, "" | "." | "..")) {
        let plain: Vec<&str> =
            components.iter().copied().filter(|name| !matches!(*name, "" | "." | "..")).collect();
        return reject(format!(
            "a path without `.`, `..` and empty components{}",
            example_from(&plain.join("/"))
        ));
    }
    if components.iter().any(|name| *name != "**" && name.contains("**")) {
        return reject("`**` only as a whole component, like \"releases/**/codex\"".to_owned());
    }
    if components.iter().filter(|name| **name == "**").count() > 1 {
        return reject("at most one `**`, which matches any number of components".to_owned());
    }
    Ok(())
}

pub(crate) fn name(text: &str) -> Result<(), PatternError> {
    check_common(text, "a name")?;
    match text.rsplit_once('/') {
        None => Ok(()),
        Some((_, last)) => {
            Err(PatternError::new(text, format!("a name without a path{}", example_from(last))))
        }
    }
}

/// Checks that apply to paths and names.
fn check_common(text: &str, kind: &str) -> Result<(), PatternError> {
    let reject = |expected: String| Err(PatternError::new(text, expected));
    if text.trim().is_empty() || text.len() > MAX_PATTERN_LEN {
        return reject(format!("{kind}, like \"my-agent\""));
    }
    let quotes = ['"', '\'', '`'];
    if text.contains(quotes) {
        return reject(format!(
            "{kind} without quotes inside the quotes{}",
            example_from(&text.replace(quotes, ""))
        ));
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return reject(format!(
            "{kind} without surrounding spaces and control characters{}",
            example_from(text.trim())
        ));
    }
    let variable = text
        .match_indices('$')
        .any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '{'));
    if text.starts_with('~') || variable {
        let below = text.split_once('/').map_or("", |(_, below)| below);
        return reject(format!(
            "{kind} without ~ and variables, which are not expanded{}",
            example_from(below)
        ));
    }
    if text.contains(['\\', '^', '$', '|', '(', ')', '[', ']', '{', '}', '?']) || text.contains(".*") {
        return reject(format!("{kind} with * as its only wildcard, not a regular expression, [] or ?"));
    }
    if text.chars().all(|c| c == '*' || c == '/') {
        return reject(format!("{kind} that contains a name, since this one matches every program"));
    }
    Ok(())
}

/// An example made from the text, if that is plain enough to be shown.
fn example_from(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@*+".contains(c);
    let is_plain = !text.is_empty() && text.len() <= 60 && text.chars().all(plain);
    if is_plain { format!(", like \"{text}\"") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use crate::rules::pattern::{Name, Pattern};

    fn expected(text: &str) -> String {
        text.parse::<Pattern>().expect_err(text).expected().to_owned()
    }

    #[test]
    fn each_rejection_names_a_valid_form() {
        let texts = [
            "",
            " ",
            "'claude'",
            "\"bin/my tool\"",
            " claude",
            "a\tb",
            "~/bin/claude",
            "~",
            "$HOME/bin/x",
            "${HOME}/bin/x",
            "claude.*",
            "^claude",
            "claude$",
            "a|b",
            "bin\\claude",
            "claud[e]",
            "clau?e",
            "bin/",
            "/",
            "./claude",
            "../x/claude",
            "a//b",
            "a/./b",
            "*",
            "*/*",
            "**",
            "a/b**",
            "a/***/b",
            "**/a/**",
        ];
        let all: Vec<String> = texts.iter().map(|text| format!("{text:16} {}", expected(text))).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_name_with_a_path_is_rejected() {
        assert_eq!("bin/x".parse::<Name>().unwrap_err().expected(), "a name without a path, like \"x\"");
        assert!("".parse::<Name>().is_err());
        assert!("*".parse::<Name>().is_err());
        assert!("x.*".parse::<Name>().is_err());
    }

    #[test]
    fn error_messages_contain_no_control_characters() {
        let error = "\u{1b}[2J".parse::<Pattern>().unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }

    #[test]
    fn common_patterns_are_accepted() {
        for text in [
            "claude",
            "bin/claude",
            "@anthropic-ai/*claude-code*/bin/claude.exe",
            ".local/share/claude/versions/*",
            "/opt/my agent/x",
            "releases/**/codex",
            "**/claude",
            "releases/**",
            "größe",
            "a+b@1.0/x",
        ] {
            assert!(text.parse::<Pattern>().is_ok(), "{text}");
        }
    }
}
