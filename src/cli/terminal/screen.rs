//! Size and character set of the terminal.

use std::env;
use std::ffi::OsString;
use std::io::stdout;

use rustix::termios::tcgetwinsize;

use super::page::WIDTH;

/// Size and character set of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalInfo {
    /// Width. A page may use less.
    pub columns: usize,
    /// Whether it shows Unicode characters.
    pub unicode: bool,
}

impl TerminalInfo {
    /// The terminal of standard output. A file or a pipe counts as one with the width of a page.
    #[must_use]
    pub fn of_stdout() -> Self {
        let columns = tcgetwinsize(stdout()).map_or(0, |size| usize::from(size.ws_col));
        // A terminal reports zero if it does not know its size.
        Self {
            columns: if columns == 0 { WIDTH } else { columns },
            unicode: is_utf8(|name| env::var_os(name)),
        }
    }
}

/// The character set of the locale. The first of these variables that is not empty decides (locale(7)).
fn is_utf8(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    locale.is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_set_variable_decides() {
        let of = |all: &str, ctype: &str, lang: &str| {
            is_utf8(|name| match name {
                "LC_ALL" => Some(all.into()),
                "LC_CTYPE" => Some(ctype.into()),
                _ => Some(lang.into()),
            })
        };
        assert!(of("", "", "de_DE.UTF-8") && of("", "C.utf8", "C") && of("en_US.utf8", "C", "C"));
        assert!(!of("C", "C.UTF-8", "C.UTF-8") && !of("", "POSIX", "C.UTF-8") && !of("", "", ""));
        assert!(!is_utf8(|_| None));
    }
}
