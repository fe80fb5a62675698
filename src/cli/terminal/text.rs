//! Text from elsewhere, made fit for a terminal.

/// `text` with everything escaped that a terminal would obey or that would hide what stands there: control
/// characters, escape sequences, bidirectional overrides, invisible characters.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

/// Format characters (Unicode category Cf, and the two separators) that change how their neighbours look.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns that `text` takes: two for East Asian wide characters and emoji, one for all others. Combining marks
/// take none, but are counted as one: a line too short is no harm, one too long is.
pub(in crate::cli) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    let wide = matches!(c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{4dbf}' | '\u{4e00}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}');
    if wide { 2 } else { 1 }
}

/// The beginning of `text` where it is wider than `room`, with an ellipsis.
pub(in crate::cli) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(1) else { return String::new() };
    let (head, _) = split(text, room);
    format!("{head}…")
}

/// The end of `text` where it is wider than `room`, after an ellipsis: of a path the end says the most.
pub(in crate::cli) fn cut_start(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let backwards: String = text.chars().rev().collect();
    cut(&backwards, room).chars().rev().collect()
}

/// As much of `text` as fits into `room`, and the rest.
fn split(text: &str, room: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += columns(c);
        if used > room {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// `text` in lines of at most `room`, broken at spaces, within a word only where it is wider than a line.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(2);
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

/// A shell command in lines of at most `room` that can be pasted as they stand: broken at spaces outside of
/// quotes, each line but the last ended by a backslash. `None` where one word alone is too wide.
pub(in crate::cli) fn wrap_command(command: &str, room: usize) -> Option<Vec<String>> {
    if width(command) <= room {
        return Some(vec![command.to_owned()]);
    }
    let mut lines: Vec<String> = Vec::new();
    for word in shell_words(command) {
        if width(word) + 2 > room {
            return None;
        }
        match lines.last_mut().filter(|line| width(line) + width(word) + 3 <= room) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    let last = lines.len().saturating_sub(1);
    lines.iter_mut().take(last).for_each(|line| line.push_str(" \\"));
    Some(lines)
}

/// The words of a shell command as they are written, quotes and all.
fn shell_words(command: &str) -> Vec<&str> {
    let (mut quote, mut escaped) = (None, false);
    let outside = |c: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match (c, quote) {
            ('\\', None | Some('"')) => escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => return true,
            _ => {}
        }
        false
    };
    command.split(outside).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(shown("a\x1b[31mb\nc\u{202e}d\u{9b}"), r"a\u{1b}[31mb\nc\u{202e}d\u{9b}");
        assert_eq!(shown(r"C:\new 'süß' 日本"), r"C:\new 'süß' 日本");
        assert_eq!(shown(&shown("\x07")), shown("\x07"));
    }

    #[test]
    fn what_is_too_wide_is_cut() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut_start("/home/me/work", 6), "…/work");
        assert_eq!(cut("ab", 0), "");
    }

    #[test]
    fn sentences_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a abcdefghij", 4), ["a", "abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), Vec::<String>::new());
    }

    #[test]
    fn a_long_command_can_still_be_pasted() {
        let command = "cd '/home/me/my work' && claude --resume 123";
        let lines = wrap_command(command, 24).unwrap();
        assert_eq!(lines, [r"cd '/home/me/my work' \", "&& claude --resume 123"]);
        let joined = lines.join("\n").replace(" \\\n", " ");
        assert_eq!(joined, command);
        assert_eq!(wrap_command("claude --resume aaaaaaaaaaaaaaaaaaaaaaaa", 12), None);
        assert_eq!(shell_words(r#"a "b \" c" d\ e 'f \' g"#), ["a", r#""b \" c""#, r"d\ e", r"'f \'", "g"]);
    }
}
