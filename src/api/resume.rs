//! How to resume an agent that was killed as a whole.

use serde::{Deserialize, Serialize};

/// A command that resumes the agent's work, and the directory to run it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The agent's directory; null if it is not known.
    pub cwd: Option<String>,
    /// The program and its arguments: `/bin/sh -c TEXT` if the rule's command needs a shell.
    pub command: Vec<String>,
    /// The same as text to paste into a shell.
    pub shell: String,
}

impl Resume {
    /// Builds it from the command line of a rule.
    #[must_use]
    pub fn new(command: &str, cwd: Option<String>) -> Self {
        let words = if needs_shell(command) { None } else { shell_words::split(command).ok() };
        let words = words.filter(|words| words.first().is_some_and(|program| !program.contains('=')));
        let shell = match &cwd {
            Some(cwd) => format!("cd {} && {command}", quote(cwd)),
            None => command.to_owned(),
        };
        let words = words.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()]);
        Self { cwd, command: words, shell }
    }

    /// The pieces of the shell text between which a line may be broken.
    #[must_use]
    pub fn shell_pieces(&self) -> Vec<String> {
        let cd = self.cwd.iter().flat_map(|cwd| ["cd".to_owned(), quote(cwd), "&&".to_owned()]);
        let command = match self.command.as_slice() {
            [sh, flag, text] if sh == "/bin/sh" && flag == "-c" => vec![text.clone()],
            words => words.iter().map(|word| quote(word)).collect(),
        };
        cd.chain(command).collect()
    }
}

/// Whether a shell would do more with this command than split it into words.
fn needs_shell(command: &str) -> bool {
    const OPERATORS: &[char] = &['|', '&', ';', '<', '>', '(', ')', '$', '`', '"', '*', '?', '[', '{', '\n'];
    let expands = |word: &str| word.starts_with(['~', '#', '!']);
    command.contains(OPERATORS) || command.ends_with('\\') || command.split_whitespace().any(expands)
}

/// One word as a shell takes it. `shell_words::quote` leaves braces and `!` bare, which an interactive bash expands.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:=".contains(c);
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str) -> Vec<String> {
        Resume::new(command, None).command
    }

    #[test]
    fn the_directory_is_quoted_for_the_shell() {
        let shell = |cwd: &str| Resume::new("claude --continue", Some(cwd.to_owned())).shell;
        assert_eq!(shell("/home/u/work"), "cd /home/u/work && claude --continue");
        assert_eq!(shell("/home/u/it's; rm x"), r"cd '/home/u/it'\''s; rm x' && claude --continue");
        assert_eq!(shell("/home/u/{a,b}"), "cd '/home/u/{a,b}' && claude --continue");
        assert_eq!(Resume::new("claude --continue", None).shell, "claude --continue");
    }

    #[test]
    fn a_plain_command_is_split_into_words() {
        assert_eq!(words("claude --resume 7"), ["claude", "--resume", "7"]);
        assert_eq!(words(r"y 'a b' c\ d e=f"), ["y", "a b", "c d", "e=f"]);
    }

    #[test]
    fn a_command_with_shell_syntax_is_run_by_a_shell() {
        for command in [
            "X=1 claude -c",
            "claude -c | tee log",
            "claude \"$S\"",
            "~/bin/claude",
            "a && b",
            "'open",
            "",
            "a #b",
        ] {
            assert_eq!(words(command), ["/bin/sh", "-c", command]);
        }
    }

    #[test]
    fn the_pieces_joined_are_the_shell_text() {
        for command in ["claude --model=x -p 'a b'", "claude -c | tee log"] {
            let resume = Resume::new(command, Some("/my work".to_owned()));
            assert_eq!(resume.shell_pieces().join(" "), resume.shell);
        }
    }
}
