//! Colours.

use std::env;
use std::io::{IsTerminal, stdout};

/// Whether output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    colour: bool,
}

/// The role of a text, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Paint {
    /// The title of a section.
    Heading,
    /// Secondary text.
    Aside,
    /// A good state.
    Good,
    /// A warning.
    Warning,
    /// Needs attention.
    Alarm,
}

impl Style {
    /// No colour.
    #[must_use]
    pub const fn plain() -> Self {
        Self { colour: false }
    }

    /// Colour, even if standard output is no terminal.
    #[must_use]
    pub const fn coloured() -> Self {
        Self { colour: true }
    }

    /// Colour if standard output is a terminal that supports it, without `--no-color` (`declined`) and without a
    /// non-empty `NO_COLOR` (no-color.org).
    #[must_use]
    pub fn for_stdout(declined: bool) -> Self {
        let unwanted = declined || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { colour: !unwanted && !dumb && stdout().is_terminal() }
    }

    /// `text` in the colour of `paint`, if colour is enabled.
    pub(in crate::cli) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Heading => "1",
            Paint::Aside => "2",
            Paint::Good => "32",
            Paint::Warning => "33",
            Paint::Alarm => "1;31",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
