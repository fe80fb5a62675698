//! "The smallest of these": how a line is set so that it fits guests of every size.

use std::fmt;

use crate::model::{Bytes, Size};

/// One or more sizes, of which the smallest counts. In TOML a size, or a list of sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smallest {
    first: Size,
    others: Vec<Size>,
}

impl Smallest {
    /// The smallest of `first` and `others`.
    #[must_use]
    pub fn of_these(first: Size, others: impl IntoIterator<Item = Size>) -> Self {
        Self { first, others: others.into_iter().collect() }
    }

    /// The sizes, in the order they were written.
    pub fn sizes(&self) -> impl Iterator<Item = Size> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// What it comes to in a guest with `total` bytes of memory.
    #[must_use]
    pub fn of(&self, total: Bytes) -> Bytes {
        self.counting(total).of(total)
    }

    /// The one of the sizes that counts in a guest with `total` bytes of memory; of equals the first.
    #[must_use]
    pub fn counting(&self, total: Bytes) -> Size {
        self.others.iter().fold(self.first, |a, &b| if b.of(total) < a.of(total) { b } else { a })
    }

    /// The smallest of the sizes that do not depend on the guest.
    #[must_use]
    pub fn absolute(&self) -> Option<Bytes> {
        self.sizes().filter_map(|size| if let Size::Bytes(bytes) = size { Some(bytes) } else { None }).min()
    }

    /// The smallest of the shares, in hundredths of a percent.
    fn share(&self) -> Option<u32> {
        self.sizes().filter_map(|size| if let Size::Share(share) = size { Some(share) } else { None }).min()
    }

    /// Whether no guest, of whatever size, brings this below `other`.
    #[must_use]
    pub fn never_below(&self, other: &Self) -> bool {
        // In the largest guest only the absolute size bounds it, in the smallest only the share.
        let bytes = self.absolute().is_none_or(|own| other.absolute().is_some_and(|its| its <= own));
        let share = self.share().is_none_or(|own| other.share().is_some_and(|its| its <= own));
        bytes && share
    }
}

impl fmt::Display for Smallest {
    /// `13G`, or `["13G", "85%"]` as it stands in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.others.is_empty() {
            return self.first.fmt(f);
        }
        let all: Vec<_> = self.sizes().map(|size| format!("\"{size}\"")).collect();
        write!(f, "[{}]", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smallest(sizes: &[&str]) -> Smallest {
        let mut sizes = sizes.iter().map(|text| text.parse().expect("a size"));
        Smallest::of_these(sizes.next().expect("one"), sizes)
    }

    #[test]
    fn the_smallest_counts_in_each_guest() {
        let kill = smallest(&["13G", "85%"]);
        assert_eq!(kill.counting(Bytes::gib(24)), Size::Bytes(Bytes::gib(13)));
        assert_eq!(kill.counting(Bytes::gib(8)), Size::percent(85));
        assert_eq!(kill.of(Bytes::gib(8)), Bytes::gib(8).share(85, 100));
        assert_eq!(smallest(&["3G", "2G", "1G"]).of(Bytes::ZERO), Bytes::gib(1));
    }

    #[test]
    fn two_are_compared_over_all_guests() {
        let cases: [(&[&str], &[&str], bool); 9] = [
            (&["9G"], &["8G"], true),
            (&["8G"], &["8G"], true),
            (&["8G"], &["9G"], false),
            (&["60%"], &["50%"], true),
            (&["8G", "60%"], &["7G", "50%"], true),
            (&["8G"], &["7G", "50%"], true),
            (&["8G"], &["50%"], false),
            (&["90%"], &["13G"], false),
            (&["8G", "50%"], &["7G"], false),
        ];
        for (warn, kill, expected) in cases {
            assert_eq!(smallest(warn).never_below(&smallest(kill)), expected, "{warn:?} {kill:?}");
        }
    }

    #[test]
    fn it_shows_as_it_is_written() {
        assert_eq!(smallest(&["13G"]).to_string(), "13G");
        assert_eq!(smallest(&["13G", "85%"]).to_string(), r#"["13G", "85%"]"#);
    }
}
