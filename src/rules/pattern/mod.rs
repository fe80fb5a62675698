//! Path patterns of rules.

pub(crate) mod deserialize;
mod glob;
mod interpreters;
mod name;
mod validate;

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::str::FromStr;

pub use name::Name;
pub use validate::PatternError;

/// A path ending, compared component by component: `bin/claude` matches `/usr/bin/claude` but not `/usr/xbin/claude`.
///
/// A `*` matches any characters within one component, and a component `**` any number of components. A leading `/` makes
/// it a whole path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` ends like this. Does not allocate.
    #[must_use]
    pub fn matches(&self, path: &Path) -> bool {
        let components = path.components().map(|component| match component {
            Component::Normal(name) => name.as_bytes(),
            Component::RootDir => ROOT,
            // The target of `..` is not known here.
            _ => b"",
        });
        ends_like(components, Some(&self.0))
    }

    /// Whether this matches everything that `other` matches; `false` if that is not certain.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let components = other.0.split('/').map(|name| if name.is_empty() { ROOT } else { name.as_bytes() });
        ends_like(components, Some(&self.0))
    }

    /// Whether it matches an interpreter or a shell in one of their usual places: as the pattern of an executable it would match
    /// every program.
    #[must_use]
    pub fn matches_interpreters(&self) -> bool {
        interpreters::paths().any(|path| self.matches(&path))
    }

    /// Whether it matches scripts with names common to many projects, like `index.js`.
    #[must_use]
    pub fn matches_common_scripts(&self) -> bool {
        interpreters::scripts().any(|path| self.matches(path))
    }
}

/// The component that stands for the root directory.
const ROOT: &[u8] = b"/";

/// Whether `text` ends with the rest of a pattern; `None`: nothing is left of it.
///
/// A pattern has at most one `**`, so this walks up `text` at most once for it.
fn ends_like<'a>(mut text: impl DoubleEndedIterator<Item = &'a [u8]> + Clone, pattern: Option<&str>) -> bool {
    let (above, last) = match pattern {
        None => return true,
        // The part before a leading `/`.
        Some("") => return text.eq([ROOT]),
        Some(pattern) => {
            pattern.rsplit_once('/').map_or((None, pattern), |(above, last)| (Some(above), last))
        }
    };
    if last != "**" {
        return text.next_back().is_some_and(|name| component(name, last)) && ends_like(text, above);
    }
    loop {
        if ends_like(text.clone(), above) {
            return true;
        }
        if text.next_back().is_none() {
            return false;
        }
    }
}

fn component(name: &[u8], pattern: &str) -> bool {
    // The last of these is a component of another pattern that this is compared with.
    let is_one = !matches!(name, b"" | ROOT | b"**");
    is_one && glob::matches(name, pattern.as_bytes())
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        validate::path(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests;
