//! A size, or the smallest of several: a threshold that fits machines of every size.
//!
//! In TOML `"8G"`, `8589934592`, or `["8G", "55%"]`. Deserialized by hand rather than as an untagged enum, as its only
//! message is that no variant matched.

use std::fmt;

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{Bytes, Size};

/// One or more sizes, of which the smallest applies. In TOML a size, or a list of sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinOf {
    first: Size,
    others: Vec<Size>,
}

impl MinOf {
    /// The smallest of `first` and `others`.
    #[must_use]
    pub fn new(first: Size, others: impl IntoIterator<Item = Size>) -> Self {
        Self { first, others: others.into_iter().collect() }
    }

    /// The sizes, in the order they were written.
    pub fn sizes(&self) -> impl Iterator<Item = Size> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// The size on a machine with `total` bytes of memory.
    #[must_use]
    pub fn resolve(&self, total: Bytes) -> Bytes {
        self.effective(total).of(total)
    }

    /// The size that applies on a machine with `total` bytes of memory; the first of equal ones.
    #[must_use]
    pub fn effective(&self, total: Bytes) -> Size {
        self.others.iter().fold(self.first, |a, &b| if b.of(total) < a.of(total) { b } else { a })
    }

    /// The smallest of the sizes that do not depend on the machine.
    #[must_use]
    pub fn absolute(&self) -> Option<Bytes> {
        self.sizes().filter_map(|size| if let Size::Bytes(bytes) = size { Some(bytes) } else { None }).min()
    }

    /// Sizes that never apply because a smaller one of their kind is in the list, each with that.
    #[must_use]
    pub fn never_effective(&self) -> Vec<(Size, Size)> {
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
    /// `13G`, or `["13G", "85%"]` as in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.others.is_empty() {
            return self.first.fmt(f);
        }
        let all: Vec<_> = self.sizes().map(|size| format!("\"{size}\"")).collect();
        write!(f, "[{}]", all.join(", "))
    }
}

impl Serialize for MinOf {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let all: Vec<_> = self.sizes().map(exact).collect();
        if let [one] = &all[..] { to.serialize_str(one) } else { to.collect_seq(all) }
    }
}

/// The size as text without the rounding of its `Display`.
fn exact(size: Size) -> String {
    match size {
        Size::Bytes(bytes) => {
            let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
            let fits =
                |(shift, _): &(u32, &str)| bytes > Bytes::ZERO && bytes.get().trailing_zeros() >= *shift;
            let (shift, letter) = units.into_iter().find(fits).unwrap_or((0, ""));
            format!("{}{letter}", bytes.get() >> shift)
        }
        Size::Share(_) => size.to_string(),
    }
}

impl<'de> Deserialize<'de> for MinOf {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(MinOfVisitor)
    }
}

/// One of the sizes.
struct SizeValue(Size);

impl<'de> Deserialize<'de> for SizeValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SizeVisitor).map(Self)
    }
}

struct MinOfVisitor;
struct SizeVisitor;

const EXPECTED_SIZE: &str = "a size like \"8G\" or \"55%\"";
const EXPECTED_MINIMUM: &str = "at least \"1M\" or \"1%\" (a plain number is in bytes: 13 GiB is \"13G\")";

impl<'de> Visitor<'de> for MinOfVisitor {
    type Value = MinOf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{EXPECTED_SIZE}, or a list of sizes of which the smallest applies")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<MinOf, E> {
        SizeVisitor.visit_str(text).map(|size| MinOf::new(size, []))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<MinOf, E> {
        SizeVisitor.visit_i64(bytes).map(|size| MinOf::new(size, []))
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<MinOf, E> {
        SizeVisitor.visit_u64(bytes).map(|size| MinOf::new(size, []))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<MinOf, A::Error> {
        let SizeValue(first) =
            list.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &"at least one size"))?;
        let mut others = Vec::new();
        while let Some(SizeValue(size)) = list.next_element()? {
            others.push(size);
        }
        Ok(MinOf::new(first, others))
    }
}

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED_SIZE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        let size = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
        at_least_minimum(size).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &EXPECTED_MINIMUM))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
        let too_small = || E::invalid_value(Unexpected::Signed(bytes), &EXPECTED_MINIMUM);
        let size = Size::Bytes(Bytes::new(u64::try_from(bytes).map_err(|_| too_small())?));
        at_least_minimum(size).ok_or_else(too_small)
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        at_least_minimum(Size::Bytes(Bytes::new(bytes)))
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(bytes), &EXPECTED_MINIMUM))
    }
}

/// `kill = 13` is 13 bytes and would kill every agent at its start; "13G" was meant.
fn at_least_minimum(size: Size) -> Option<Size> {
    match size {
        Size::Bytes(bytes) => bytes >= Bytes::mib(1),
        Size::Share(hundredths) => hundredths >= 100,
    }
    .then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn smallest(sizes: &[&str]) -> MinOf {
        let mut sizes = sizes.iter().map(|text| text.parse().expect("a size"));
        MinOf::new(sizes.next().expect("one"), sizes)
    }

    #[test]
    fn the_smallest_size_applies_on_each_machine() {
        let kill = smallest(&["13G", "85%"]);
        assert_eq!(kill.effective(Bytes::gib(24)), Size::Bytes(Bytes::gib(13)));
        assert_eq!(kill.effective(Bytes::gib(8)), Size::percent(85));
        assert_eq!(kill.resolve(Bytes::gib(8)), Bytes::gib(8).share(85, 100));
        assert_eq!(smallest(&["3G", "2G", "1G"]).resolve(Bytes::ZERO), Bytes::gib(1));
    }

    #[test]
    fn sizes_above_a_smaller_one_of_their_kind_never_apply() {
        let never = |sizes: &[&str]| {
            let pairs = smallest(sizes).never_effective();
            pairs.iter().map(|(size, other)| format!("{size} for {other}")).collect::<Vec<_>>()
        };
        assert_eq!(never(&["13G", "85%"]), [""; 0]);
        assert_eq!(never(&["9G", "85%", "8G"]), ["9G for 8G"]);
        assert_eq!(never(&["50%", "13G", "60%", "50%"]), ["60% for 50%", "50% for 50%"]);
    }

    #[test]
    fn a_size_is_displayed_as_in_the_file() {
        assert_eq!(smallest(&["13G"]).to_string(), "13G");
        assert_eq!(smallest(&["13G", "85%"]).to_string(), r#"["13G", "85%"]"#);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Setting {
        value: MinOf,
    }

    fn read(value: &str) -> Result<MinOf, String> {
        toml::from_str(&format!("value = {value}"))
            .map(|Setting { value }| value)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn sizes_numbers_and_lists_are_accepted() {
        let gib = |n| Size::Bytes(Bytes::gib(n));
        assert_eq!(read(r#""8G""#), Ok(MinOf::new(gib(8), [])));
        assert_eq!(read("8589934592"), Ok(MinOf::new(gib(8), [])));
        assert_eq!(read("0x2_0000_0000"), Ok(MinOf::new(gib(8), [])));
        assert_eq!(read(r#"["8G", 1073741824, "55%"]"#), Ok(MinOf::new(gib(8), [gib(1), Size::percent(55)])));
    }

    #[test]
    fn other_values_are_rejected() {
        for value in [
            "true",
            "1.5",
            "-1",
            "0",
            "13",
            "13000",
            r#""13""#,
            r#""0G""#,
            r#""0.5%""#,
            r#""8X""#,
            r#""""#,
            "[]",
            "[[]]",
            r#"["8G", true]"#,
            r#"["8G", ["55%"]]"#,
            "{}",
            "2020-01-01",
            "99999999999999999999",
            r#""101%""#,
        ] {
            let message = read(value).expect_err(value);
            assert!(message.contains(", expected "), "{value}: {message}");
        }
    }

    proptest! {
        #[test]
        fn sizes_round_trip_through_toml(bytes in 1_048_576_u64.., whole in 20_u32..50, shares in prop::collection::vec(100_u32..=10_000, 0..3)) {
            let round = Size::Bytes(Bytes::new(1 << whole));
            let value = MinOf::new(Size::Bytes(Bytes::new(bytes)), shares.into_iter().map(Size::Share).chain([round]));
            let text = toml::to_string(&Setting { value: value.clone() }).expect("written");
            prop_assert_eq!(toml::from_str::<Setting>(&text).map(|l| l.value), Ok(value));
        }
    }
}
