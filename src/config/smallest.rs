//! "The smallest of these": how a line is set so that it fits guests of every size.

use std::fmt;

use crate::model::{Bytes, Size};

/// One or more sizes, of which the smallest counts. In TOML a size, or a list of sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinOf {
    first: Size,
    others: Vec<Size>,
}

impl MinOf {
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

    /// Sizes of which a smaller one of their kind stands beside them: they count in no guest. Each with the smaller one.
    #[must_use]
    pub fn never_counting(&self) -> Vec<(Size, Size)> {
        let all: Vec<Size> = self.sizes().collect();
        let beside = |(at, size): (usize, &Size)| {
            let smaller = all.iter().enumerate().find(|(other_at, other)| match (size, other) {
                (Size::Bytes(size), Size::Bytes(other)) => (other, other_at) < (size, &at),
                (Size::Share(size), Size::Share(other)) => (other, other_at) < (size, &at),
                _ => false,
            });
            smaller.map(|(_, other)| (*size, *other))
        };
        all.iter().enumerate().filter_map(beside).collect()
    }
}

impl fmt::Display for MinOf {
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

    fn smallest(sizes: &[&str]) -> MinOf {
        let mut sizes = sizes.iter().map(|text| text.parse().expect("a size"));
        MinOf::of_these(sizes.next().expect("one"), sizes)
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
    fn what_a_smaller_one_of_its_kind_stands_beside_never_counts() {
        let never = |sizes: &[&str]| {
            let pairs = smallest(sizes).never_counting();
            pairs.iter().map(|(size, other)| format!("{size} for {other}")).collect::<Vec<_>>()
        };
        assert_eq!(never(&["13G", "85%"]), [""; 0]);
        assert_eq!(never(&["9G", "85%", "8G"]), ["9G for 8G"]);
        assert_eq!(never(&["50%", "13G", "60%", "50%"]), ["60% for 50%", "50% for 50%"]);
    }

    #[test]
    fn it_shows_as_it_is_written() {
        assert_eq!(smallest(&["13G"]).to_string(), "13G");
        assert_eq!(smallest(&["13G", "85%"]).to_string(), r#"["13G", "85%"]"#);
    }
}
