//! Memory sizes and rates as types.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::time::Duration;

use serde::{Deserialize, Serialize};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// Memory in bytes. Prints as systemd does: `8G` is 8 GiB. In JSON it is a plain number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(u64);

impl Bytes {
    /// Zero bytes.
    pub const ZERO: Self = Self(0);

    /// That many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// That many KiB, the unit of `/proc/PID/status` and `/proc/meminfo`.
    #[must_use]
    pub const fn kib(kib: u64) -> Self {
        Self(kib.saturating_mul(KIB))
    }

    /// That many MiB.
    #[must_use]
    pub const fn mib(mib: u64) -> Self {
        Self(mib.saturating_mul(MIB))
    }

    /// That many GiB.
    #[must_use]
    pub const fn gib(gib: u64) -> Self {
        Self(gib.saturating_mul(GIB))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The difference, or zero if `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `numerator / denominator` of this, without overflow; zero for a zero denominator.
    #[must_use]
    pub fn share(self, numerator: u64, denominator: u64) -> Self {
        if denominator == 0 {
            return Self::ZERO;
        }
        let product = u128::from(self.0) * u128::from(numerator) / u128::from(denominator);
        Self(u64::try_from(product).unwrap_or(u64::MAX))
    }
}

impl Add for Bytes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Bytes {
    /// `8.2G`, `240M`, `13G`: at most three significant digits, one decimal below ten, none if that is zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, letter) = match self.0 {
            n if n >= TIB => (TIB, "T"),
            n if n >= GIB => (GIB, "G"),
            n if n >= MIB => (MIB, "M"),
            n if n >= KIB => (KIB, "K"),
            n => return f.pad(&n.to_string()),
        };
        // Rounded to tenths in integers: 64 bits do not fit a float without loss.
        let tenths = (u128::from(self.0) * 10 + u128::from(unit) / 2) / u128::from(unit);
        let text = match (tenths / 10, tenths % 10) {
            (whole, 0) => format!("{whole}{letter}"),
            (whole, _) if whole >= 100 => format!("{}{letter}", (tenths + 5) / 10),
            (whole, tenth) => format!("{whole}.{tenth}{letter}"),
        };
        f.pad(&text)
    }
}

/// A rate of growth in bytes per second; zero if memory is constant or shrinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BytesPerSecond(u64);

impl BytesPerSecond {
    /// That many bytes a second.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// That many MiB a second.
    #[must_use]
    pub const fn mebi(mib: u64) -> Self {
        Self(mib.saturating_mul(MIB))
    }

    /// The growth from `before` to `after` within `elapsed`; zero without growth or time.
    #[must_use]
    pub fn growth(before: Bytes, after: Bytes, elapsed: Duration) -> Self {
        let grown = u128::from(after.saturating_sub(before).get());
        match elapsed.as_millis() {
            0 => Self(0),
            millis => Self(u64::try_from(grown * 1000 / millis).unwrap_or(u64::MAX)),
        }
    }

    /// The number of bytes a second.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Twice this rate.
    #[must_use]
    pub const fn doubled(self) -> Self {
        Self(self.0.saturating_mul(2))
    }

    /// Half of this rate.
    #[must_use]
    pub const fn halved(self) -> Self {
        Self(self.0 / 2)
    }

    /// The growth at this rate within `time`.
    #[must_use]
    pub fn during(self, time: Duration) -> Bytes {
        let bytes = u128::from(self.0) * time.as_micros() / 1_000_000;
        Bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// The time until growth at this rate fills `room`; `None` without growth.
    #[must_use]
    pub fn time_to_fill(self, room: Bytes) -> Option<Duration> {
        if self.0 == 0 {
            return None;
        }
        let micros = u128::from(room.get()) * 1_000_000 / u128::from(self.0);
        Some(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_displayed_with_binary_unit_letters() {
        let cases = [
            (0, "0"),
            (1023, "1023"),
            (1024, "1K"),
            (240 * MIB, "240M"),
            (8 * GIB, "8G"),
            (8 * GIB + 205 * MIB, "8.2G"),
            (13 * GIB, "13G"),
            (13 * GIB + 52 * MIB, "13.1G"),
            (1024 * MIB - 1, "1024M"),
            (2 * TIB, "2T"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Bytes::new(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_share_of_the_largest_number_does_not_overflow() {
        assert_eq!(Bytes::new(u64::MAX).share(85, 100), Bytes::new(15_679_732_462_653_118_872));
        assert_eq!(Bytes::gib(10).share(55, 100), Bytes::new(5_905_580_032));
    }

    #[test]
    fn growth_is_zero_where_memory_shrinks() {
        let second = Duration::from_secs(1);
        assert_eq!(BytesPerSecond::growth(Bytes::mib(5), Bytes::mib(1), second).get(), 0);
        assert_eq!(BytesPerSecond::growth(Bytes::mib(1), Bytes::mib(5), second), BytesPerSecond::mebi(4));
        assert_eq!(BytesPerSecond::growth(Bytes::mib(1), Bytes::mib(5), Duration::ZERO).get(), 0);
        assert_eq!(BytesPerSecond::mebi(4).time_to_fill(Bytes::mib(8)), Some(Duration::from_secs(2)));
    }
}
