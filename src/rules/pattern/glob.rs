//! Names with stars.

/// Whether `text` matches `pattern`, in which each `*` stands for any run of bytes, including none.
///
/// On a mismatch after a star, only the last star is extended: everything before it has matched, and an earlier star gains
/// nothing by taking more. So it takes at most `text` times `pattern` steps.
pub(crate) fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                last_star = Some((t, p));
            }
            Some(byte) if *byte == text[t] => {
                t += 1;
                p += 1;
            }
            _ => {
                let Some((run_until, after)) = last_star else { return false };
                last_star = Some((run_until + 1, after));
                (t, p) = (run_until + 1, after);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_matches_any_run() {
        let cases = [
            ("", "", true),
            ("", "*", true),
            ("a", "", false),
            ("abc", "abc", true),
            ("abc", "a*", true),
            ("abc", "*c", true),
            ("abc", "a*c", true),
            ("ac", "a*c", true),
            ("abc", "a*b", false),
            ("aba", "ab*ba", false),
            ("abcbcd", "a*bc*d", true),
            ("abcbcd", "a*bc", false),
            ("abcbc", "a*bc", true),
            ("claude-code-linux-x64", "*claude-code*", true),
            (".claude-code-AbCdEfGh", "*claude-code*", true),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*a*a*a*c", false),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(matches(text.as_bytes(), pattern.as_bytes()), expected, "{text} {pattern}");
        }
    }

    /// The definition, slow and plain.
    fn matches_by_definition(text: &[u8], pattern: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|run| matches_by_definition(&text[run..], rest)),
            Some((byte, rest)) => text.first() == Some(byte) && matches_by_definition(&text[1..], rest),
        }
    }

    proptest! {
        #[test]
        fn matching_equals_the_recursive_definition(text in "[ab*]{0,8}", pattern in "[ab*]{0,6}") {
            let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
            prop_assert_eq!(matches(text, pattern), matches_by_definition(text, pattern));
        }
    }
}
