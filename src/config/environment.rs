//! The environment variables of the bash original, which keep working.

use std::ffi::OsString;

use super::error::{ConfigError, clip};
use super::{Ineffective, key};
use crate::model::Bytes;

/// Each with the key that it sets.
pub(super) const VARIABLES: [(&str, &str); 2] =
    [("WATCHDOG_WARN_MB", key::WARN), ("WATCHDOG_KILL_MB", key::KILL)];

/// A line that a variable sets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) variable: &'static str,
    pub(super) key: &'static str,
    /// In bytes, as TOML has integers.
    pub(super) bytes: i64,
}

/// What the variables set, and those that are empty or blank: they set nothing.
pub(super) fn read(
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(Vec<Setting>, Vec<Ineffective>), ConfigError> {
    let (mut settings, mut inert) = (Vec::new(), Vec::new());
    for (variable, key) in VARIABLES {
        let Some(text) = environment(variable) else { continue };
        let text = text.to_string_lossy();
        let text = text.trim();
        if text.is_empty() {
            inert.push(Ineffective::Empty(variable));
            continue;
        }
        let bytes = mebibytes(text).ok_or_else(|| ConfigError::Variable {
            variable,
            found: format!("\"{}\"", clip(text)),
            wanted: "a whole number of MiB, like 13312 for 13G",
        })?;
        settings.push(Setting { variable, key, bytes });
    }
    Ok((settings, inert))
}

fn mebibytes(text: &str) -> Option<i64> {
    let whole: u64 = text.parse().ok().filter(|mib| *mib > 0)?;
    let bytes = whole.checked_mul(Bytes::mib(1).get())?;
    i64::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(value: &str) -> Result<Vec<i64>, String> {
        read(&|name| (name == "WATCHDOG_KILL_MB").then(|| value.into()))
            .map(|(settings, _)| settings.into_iter().map(|s| s.bytes).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_number_of_mib_is_read() {
        assert_eq!(kill("13000"), Ok(vec![13_000 << 20]));
        assert_eq!(kill(" 13000\n"), Ok(vec![13_000 << 20]));
        assert_eq!(kill(""), Ok(vec![]));
        assert_eq!(kill(" \t"), Ok(vec![]));
    }

    #[test]
    fn one_that_is_empty_is_told_of_and_one_that_is_not_there_is_not() {
        let inert = |value: Option<&str>| {
            read(&|name| value.filter(|_| name == "WATCHDOG_KILL_MB").map(OsString::from))
                .map(|(_, inert)| inert)
        };
        assert_eq!(inert(Some(" ")).expect("read"), [Ineffective::Empty("WATCHDOG_KILL_MB")]);
        assert_eq!(inert(Some("1")).expect("read"), []);
        assert_eq!(inert(None).expect("read"), []);
    }

    #[test]
    fn everything_else_names_the_variable() {
        for value in [
            "13G",
            "0",
            "-1",
            "13000.5",
            "1e4",
            "99999999999999",
            "18446744073709551616",
            "13 000",
            "\u{1b}[2J",
        ] {
            let message = kill(value).expect_err(value);
            assert!(message.contains("WATCHDOG_KILL_MB"), "{message}");
            assert!(!message.contains('\u{1b}'), "{message:?}");
        }
    }

    #[test]
    fn what_is_not_unicode_is_no_number() {
        use std::os::unix::ffi::OsStringExt;
        let found = read(&|_| Some(OsString::from_vec(vec![0xff, b'1'])));
        assert!(matches!(found, Err(ConfigError::Variable { variable: "WATCHDOG_WARN_MB", .. })));
    }
}
