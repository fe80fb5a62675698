//! Colour, where it is wanted.

use std::env;
use std::io::{IsTerminal, stdout};

/// How the page is dressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    colour: bool,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Paint {
    /// A section's name.
    Heading,
    /// Less important than the rest.
    Aside,
    /// All is well.
    Good,
    /// Worth a look.
    Warning,
    /// Needs a look.
    Alarm,
}

impl Style {
    /// No colour at all.
    #[must_use]
    pub const fn plain() -> Self {
        Self { colour: false }
    }

    /// Colour, whoever reads.
    #[must_use]
    pub const fn coloured() -> Self {
        Self { colour: true }
    }

    /// Colour if standard output is a terminal that can show it and nobody declined: neither `--no-color`
    /// (`declined`) nor a non-empty `NO_COLOR` (no-color.org).
    #[must_use]
    pub fn for_stdout(declined: bool) -> Self {
        let unwanted = declined || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { colour: !unwanted && !dumb && stdout().is_terminal() }
    }

    /// `text`, painted where colour is wanted.
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
