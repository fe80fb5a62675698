//! The grace period in TOML: `10s`, `1m 30s`.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// A longer grace period for a leaking process would let the machine stall.
const MAX_GRACE: Duration = Duration::from_mins(10);

pub(crate) fn serialize<S: Serializer>(grace: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_duration(*grace))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_str(GraceVisitor)
}

struct GraceVisitor;

impl Visitor<'_> for GraceVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration in quotes like \"10s\" or \"1m 30s\", from \"0s\" to \"10m\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text.trim())
            .ok()
            .filter(|grace| *grace <= MAX_GRACE)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    fn grace(text: &str) -> Result<Duration, Error> {
        let text: StrDeserializer<'_, Error> = text.into_deserializer();
        deserialize(text)
    }

    #[test]
    fn common_durations_are_accepted() {
        for (text, seconds) in
            [("0s", 0), ("10s", 10), ("90s", 90), (" 10m ", 600), ("1m 30s", 90), ("600s", 600)]
        {
            assert_eq!(grace(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn invalid_and_too_long_durations_are_rejected() {
        for text in ["", "10", "-1s", "10m 1s", "1h 30m", "10M", "99999999999999999999y", "ten", "1e3s"] {
            assert!(grace(text).is_err(), "{text}");
        }
    }
}
