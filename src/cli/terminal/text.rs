//! Escaping, measuring, truncating and wrapping of text.

use unicode_width::UnicodeWidthChar;

/// Escapes control characters, escape sequences, bidirectional overrides and invisible characters.
#[must_use]
pub fn escape_for_terminal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

/// Format characters (Unicode category Cf, and the two separators) that change the rendering of their neighbours.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns that `text` takes on a terminal. The sum over its characters, so that a text may be split anywhere.
pub(in crate::cli) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Two for wide characters and emoji, none for combining marks.
fn columns(c: char) -> usize {
    match c {
        // Shows the character before it as an emoji, which is one column wider.
        '\u{fe0f}' => 1,
        c => c.width().unwrap_or(1),
    }
}

/// Truncates `text` to `room` columns, with an ellipsis at its end.
pub(in crate::cli) fn truncate(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(1) else { return String::new() };
    let (head, _) = split(text, room);
    format!("{head}…")
}

/// Truncates `text` to `room` columns, with an ellipsis at its start: the end of a path says the most.
pub(in crate::cli) fn truncate_start(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let tails = text.char_indices().rev().map(|(at, _)| &text[at..]);
    let tail = tails.take_while(|tail| width(tail) < room).last().unwrap_or_default();
    if room == 0 { String::new() } else { format!("…{tail}") }
}

/// Splits `text` after at most `room` columns.
fn split(text: &str, room: usize) -> (&str, &str) {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.take_while(|end| width(&text[..*end]) <= room).last().unwrap_or(0);
    text.split_at(end)
}

/// Wraps `text` at spaces to `room` columns; breaks a word only if it is wider than a line.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    // U+17D8 takes three columns, more than any other character.
    let room = room.max(3);
    let mut lines = Vec::new();
    let mut line = String::new();
    for mut word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && width(&line) + 1 + width(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        while width(word) > room {
            let (head, rest) = split(word, room);
            lines.push(head.to_owned());
            word = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Wraps a shell command to `room` columns so that it can be pasted: between its `pieces`, with a backslash at the end of
/// each line but the last. `None` if one piece is too wide.
pub(in crate::cli) fn wrap_command(command: &str, pieces: &[String], room: usize) -> Option<Vec<String>> {
    if width(command) <= room {
        return Some(vec![command.to_owned()]);
    }
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        if width(piece) + 2 > room {
            return None;
        }
        match lines.last_mut().filter(|line| width(line) + width(piece) + 3 <= room) {
            Some(line) => {
                line.push(' ');
                line.push_str(piece);
            }
            None => lines.push(piece.clone()),
        }
    }
    let last = lines.len().saturating_sub(1);
    lines.iter_mut().take(last).for_each(|line| line.push_str(" \\"));
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::resume::Resume;

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        assert_eq!(escape_for_terminal("a\x1b[31mb\nc\u{202e}d\u{9b}"), r"a\u{1b}[31mb\nc\u{202e}d\u{9b}");
        assert_eq!(escape_for_terminal(r"C:\new 'süß' 日本"), r"C:\new 'süß' 日本");
        assert_eq!(escape_for_terminal(&escape_for_terminal("\x07")), escape_for_terminal("\x07"));
    }

    #[test]
    fn text_that_is_too_wide_is_truncated() {
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdef", 5), "abcd…");
        assert_eq!(truncate("日本語", 4), "日…");
        assert_eq!(truncate_start("/home/me/work", 6), "…/work");
        assert_eq!(truncate("ab", 0), "");
    }

    #[test]
    fn sentences_wrap_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a abcdefghij", 4), ["a", "abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), Vec::<String>::new());
    }

    #[test]
    fn a_wrapped_command_can_be_pasted() {
        let wrapped = |command: &str, cwd: Option<&str>, room| {
            let resume = Resume::new(command, cwd.map(str::to_owned));
            wrap_command(&resume.shell, &resume.shell_pieces(), room)
        };
        let lines = wrapped("claude --resume 123", Some("/home/me/my work"), 24).unwrap();
        assert_eq!(lines, [r"cd '/home/me/my work' \", "&& claude --resume 123"]);
        let joined = lines.join("\n").replace(" \\\n", " ");
        assert_eq!(joined, "cd '/home/me/my work' && claude --resume 123");
        assert_eq!(wrapped("claude --resume aaaaaaaaaaaaaaaaaaaaaaaa", None, 12), None);
    }
}
