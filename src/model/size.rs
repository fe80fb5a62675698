//! Sizes in a file, an environment variable or an argument.

use std::fmt;
use std::str::FromStr;

use super::Bytes;

/// A size as written: bytes, or a share of the machine's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A number of bytes.
    Bytes(Bytes),
    /// A percentage of the machine's memory, in hundredths of a percent (5500 is `55%`).
    Share(u32),
}

/// A text that is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid size `{text}`, expected a number of bytes, optionally with K, M, G or T (\"8G\"), or a percentage of memory (\"55%\")"
)]
pub struct SizeError {
    text: String,
}

impl Size {
    /// That percentage of the machine's memory.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self::Share(percent * 100)
    }

    /// The size on a machine with `total` bytes of memory.
    #[must_use]
    pub fn of(self, total: Bytes) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Share(hundredths) => total.share(u64::from(hundredths), 10_000),
        }
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError { text: text.to_owned() };
        let trimmed = text.trim();
        if let Some(number) = trimmed.strip_suffix('%') {
            return share(number.trim_end()).ok_or_else(error);
        }
        let unit = trimmed.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        if !trimmed.starts_with(|c: char| c.is_ascii_digit()) || !is_unit(unit.trim_start()) {
            return Err(error());
        }
        // parse-size accepts more than systemd (`8GB`, `1_000`), so only digits and one letter are passed to it.
        parse_size::Config::new()
            .with_binary()
            .parse_size(trimmed)
            .map(|bytes| Self::Bytes(Bytes::new(bytes)))
            .map_err(|_| error())
    }
}

fn is_unit(text: &str) -> bool {
    matches!(text, "" | "B" | "K" | "M" | "G" | "T" | "k" | "m" | "g" | "t")
}

/// `55` or `12.5` in hundredths of a percent; `None` above 100 % or for anything else.
fn share(number: &str) -> Option<Size> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 2 {
        return None;
    }
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = if fraction.len() == 1 { 10 } else { 1 };
    let hundredths =
        whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(fraction.parse::<u32>().ok()? * scale)?;
    (hundredths <= 10_000).then_some(Size::Share(hundredths))
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Share(hundredths) if hundredths % 100 == 0 => write!(f, "{}%", hundredths / 100),
            Self::Share(hundredths) => write!(f, "{}.{:02}%", hundredths / 100, hundredths % 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_powers_of_1024_as_systemd_reads_them() {
        assert_eq!("8G".parse(), Ok(Size::Bytes(Bytes::gib(8))));
        assert_eq!("512M".parse(), Ok(Size::Bytes(Bytes::mib(512))));
        assert_eq!("1.5G".parse(), Ok(Size::Bytes(Bytes::mib(1536))));
        assert_eq!("123".parse(), Ok(Size::Bytes(Bytes::new(123))));
        assert_eq!("55%".parse(), Ok(Size::percent(55)));
        assert_eq!("12.5%".parse(), Ok(Size::Share(1250)));
    }

    #[test]
    fn invalid_sizes_are_rejected_with_their_text() {
        for text in
            ["", "G", "8X", "-1", "8GB", "101%", "%", "1e9", "0x10", "1_000", "8 G G", "99999999999999999999"]
        {
            let error = text.parse::<Size>().expect_err(text);
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_percentage_applies_to_total_memory() {
        assert_eq!(Size::percent(55).of(Bytes::gib(10)), Bytes::new(5_905_580_032));
        assert_eq!(Size::Bytes(Bytes::gib(8)).of(Bytes::gib(4)), Bytes::gib(8));
        assert_eq!(Size::percent(55).to_string(), "55%");
    }
}
