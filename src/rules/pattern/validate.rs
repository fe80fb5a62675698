//! Refused patterns, with what would be accepted.

/// A text that is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no pattern; what is wanted is {wanted}", text.escape_debug())]
pub struct PatternError {
    text: String,
    wanted: String,
}

impl PatternError {
    /// Refuses `text`, naming what is accepted instead.
    #[must_use]
    pub fn new(text: &str, wanted: impl Into<String>) -> Self {
        Self { text: text.to_owned(), wanted: wanted.into() }
    }

    /// The accepted form, to follow "it takes".
    #[must_use]
    pub fn wanted(&self) -> &str {
        &self.wanted
    }
}

/// The longest path (`PATH_MAX`, limits.h).
const MAX_PATTERN_LEN: usize = 4096;

pub(crate) fn path(text: &str) -> Result<(), PatternError> {
    let refuse = |wanted: String| Err(PatternError::new(text, wanted));
    either(text, "the end of a path")?;
    if text.ends_with('/') {
        let trimmed = text.trim_end_matches('/');
        return refuse(format!("the path of a file, without a / at its end{}", like(trimmed)));
    }
    let components: Vec<&str> = text.strip_prefix('/').unwrap_or(text).split('/').collect();
    if components.iter().any(|name| matches!(*name, "" | "." | "..")) {
        let plain: Vec<&str> =
            components.iter().copied().filter(|name| !matches!(*name, "" | "." | "..")).collect();
        return refuse(format!("a path without ., .. and empty parts{}", like(&plain.join("/"))));
    }
    if components.iter().any(|name| *name != "**" && name.contains("**")) {
        return refuse("`**` as a whole part between slashes, like \"releases/**/codex\"".to_owned());
    }
    if components.iter().filter(|name| **name == "**").count() > 1 {
        return refuse("at most one `**`, which stands for any number of parts".to_owned());
    }
    Ok(())
}

pub(crate) fn name(text: &str) -> Result<(), PatternError> {
    either(text, "a name")?;
    match text.rsplit_once('/') {
        None => Ok(()),
        Some((_, last)) => Err(PatternError::new(text, format!("a name without its path{}", like(last)))),
    }
}

/// Checks that apply to paths and names.
fn either(text: &str, what: &str) -> Result<(), PatternError> {
    let refuse = |wanted: String| Err(PatternError::new(text, wanted));
    if text.trim().is_empty() || text.len() > MAX_PATTERN_LEN {
        return refuse(format!("{what}, like \"my-agent\""));
    }
    let quotes = ['"', '\'', '`'];
    if text.contains(quotes) {
        return refuse(format!("{what} without quotes inside the quotes{}", like(&text.replace(quotes, ""))));
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return refuse(format!("{what} without blanks around it or control characters{}", like(text.trim())));
    }
    let variable = text
        .match_indices('$')
        .any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '{'));
    if text.starts_with('~') || variable {
        let below = text.split_once('/').map_or("", |(_, below)| below);
        return refuse(format!("{what}, for ~ and variables are not expanded{}", like(below)));
    }
    if text.contains(['\\', '^', '$', '|', '(', ')', '[', ']', '{', '}', '?']) || text.contains(".*") {
        return refuse(format!(
            "{what}, in which a * alone is special: no regular expression, no [] and no ?"
        ));
    }
    if text.chars().all(|c| c == '*' || c == '/') {
        return refuse(format!("{what} with a name in it: this would match every program"));
    }
    Ok(())
}

/// An example made from the text, if that is plain enough to be shown.
fn like(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@*+".contains(c);
    let fits = !text.is_empty() && text.len() <= 60 && text.chars().all(plain);
    if fits { format!(", like \"{text}\"") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use crate::rules::pattern::{Name, Pattern};

    fn wanted(text: &str) -> String {
        text.parse::<Pattern>().expect_err(text).wanted().to_owned()
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
        let all: Vec<String> = texts.iter().map(|text| format!("{text:16} {}", wanted(text))).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_name_with_a_path_is_rejected() {
        assert_eq!("bin/x".parse::<Name>().unwrap_err().wanted(), "a name without its path, like \"x\"");
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
