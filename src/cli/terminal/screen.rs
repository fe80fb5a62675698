//! What a terminal can show.

use std::env;
use std::ffi::OsString;
use std::io::stdout;

use rustix::termios::tcgetwinsize;

use super::page::WIDTH;

/// Its columns and its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns; a page takes no more than it needs.
    pub columns: usize,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
}

impl Screen {
    /// What standard output goes to. A file or a pipe is as wide as a page.
    #[must_use]
    pub fn of_stdout() -> Self {
        let columns = tcgetwinsize(stdout()).map_or(0, |size| usize::from(size.ws_col));
        // Zero is what a terminal says that does not know.
        Self {
            columns: if columns == 0 { WIDTH } else { columns },
            unicode: is_utf8(|name| env::var_os(name)),
        }
    }
}

/// The locale's character set by the variables that decide it; the first that is not empty counts (locale(7)).
fn is_utf8(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    set.is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_counts() {
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
