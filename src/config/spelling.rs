//! How [`MinOf`] is spelled in TOML: `"8G"`, `8589934592`, or `["8G", "55%"]`. Written by hand rather than as an
//! untagged enum, whose only message is that no variant matched.

use std::fmt;

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MinOf;
use crate::model::{Bytes, Size};

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
        from.deserialize_any(Sizes)
    }
}

/// One of the sizes.
struct One(Size);

impl<'de> Deserialize<'de> for One {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Single).map(Self)
    }
}

struct Sizes;
struct Single;

const ONE: &str = "a size like \"8G\" or \"55%\"";
const FROM: &str = "at least \"1M\" or \"1%\" (a plain number counts bytes: 13 GiB is \"13G\")";

impl<'de> Visitor<'de> for Sizes {
    type Value = MinOf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ONE}, or a list of sizes of which the smallest counts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<MinOf, E> {
        Single.visit_str(text).map(|size| MinOf::of_these(size, []))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<MinOf, E> {
        Single.visit_i64(bytes).map(|size| MinOf::of_these(size, []))
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<MinOf, E> {
        Single.visit_u64(bytes).map(|size| MinOf::of_these(size, []))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<MinOf, A::Error> {
        let One(first) =
            list.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &"at least one size"))?;
        let mut others = Vec::new();
        while let Some(One(size)) = list.next_element()? {
            others.push(size);
        }
        Ok(MinOf::of_these(first, others))
    }
}

impl Visitor<'_> for Single {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ONE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        let size = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
        large_enough(size).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &FROM))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
        let refused = || E::invalid_value(Unexpected::Signed(bytes), &FROM);
        let size = Size::Bytes(Bytes::new(u64::try_from(bytes).map_err(|_| refused())?));
        large_enough(size).ok_or_else(refused)
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        large_enough(Size::Bytes(Bytes::new(bytes)))
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(bytes), &FROM))
    }
}

/// `kill = 13` is 13 bytes and would end every agent at its start: it was meant to be "13G".
fn large_enough(size: Size) -> Option<Size> {
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

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Line {
        line: MinOf,
    }

    fn read(value: &str) -> Result<MinOf, String> {
        toml::from_str(&format!("line = {value}"))
            .map(|Line { line }| line)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_size_a_number_and_a_list_are_read() {
        let gib = |n| Size::Bytes(Bytes::gib(n));
        assert_eq!(read(r#""8G""#), Ok(MinOf::of_these(gib(8), [])));
        assert_eq!(read("8589934592"), Ok(MinOf::of_these(gib(8), [])));
        assert_eq!(read("0x2_0000_0000"), Ok(MinOf::of_these(gib(8), [])));
        assert_eq!(
            read(r#"["8G", 1073741824, "55%"]"#),
            Ok(MinOf::of_these(gib(8), [gib(1), Size::percent(55)]))
        );
    }

    #[test]
    fn everything_else_is_refused() {
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
        fn what_is_written_is_read_back(bytes in 1_048_576_u64.., whole in 20_u32..50, shares in prop::collection::vec(100_u32..=10_000, 0..3)) {
            let round = Size::Bytes(Bytes::new(1 << whole));
            let line = MinOf::of_these(Size::Bytes(Bytes::new(bytes)), shares.into_iter().map(Size::Share).chain([round]));
            let text = toml::to_string(&Line { line: line.clone() }).expect("written");
            prop_assert_eq!(toml::from_str::<Line>(&text).map(|l| l.line), Ok(line));
        }
    }
}
