//! Environment variables: of this process, and of the service as its unit sets them.

use std::ffi::OsString;

use strsim::levenshtein;

use super::error::{ConfigError, clip};
use super::{Ineffective, SettingOrigin, key};
use crate::model::Bytes;

/// Each variable with its key.
pub(super) const VARIABLES: [(&str, &str); 2] =
    [("WATCHDOG_WARN_MB", key::WARN), ("WATCHDOG_KILL_MB", key::KILL)];

/// A threshold set by a variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VariableSetting {
    pub(super) variable: &'static str,
    pub(super) key: &'static str,
    /// In bytes, as an integer of TOML.
    pub(super) bytes: i64,
}

/// The settings of the variables, and the empty variables, which set nothing.
pub(super) fn read(
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(Vec<VariableSetting>, Vec<Ineffective>), ConfigError> {
    let (mut settings, mut ineffective) = (Vec::new(), Vec::new());
    for (variable, key) in VARIABLES {
        let Some(text) = environment(variable) else { continue };
        let text = text.to_string_lossy();
        let text = text.trim();
        if text.is_empty() {
            ineffective.push(Ineffective::Empty(variable));
            continue;
        }
        let bytes = mebibytes(text).ok_or_else(|| ConfigError::Variable {
            variable,
            found: format!("\"{}\"", clip(text)),
            expected: "a whole number of MiB, like 13312 for 13G",
        })?;
        settings.push(VariableSetting { variable, key, bytes });
    }
    Ok((settings, ineffective))
}

fn mebibytes(text: &str) -> Option<i64> {
    let whole: u64 = text.parse().ok().filter(|mib| *mib > 0)?;
    let bytes = whole.checked_mul(Bytes::mib(1).get())?;
    i64::try_from(bytes).ok()
}

/// The `EnvironmentFile=` of the unit.
pub const ENVIRONMENT_FILE: &str = "/etc/default/claude-watchdog";

/// Prefix of the variables, as in the original bash script.
const VARIABLE_PREFIX: &str = "WATCHDOG_";

/// The value of `name` in an environment file (`systemd.exec(5)`): one `NAME=value` per line, without quotes around the
/// value, comments ignored. The last one applies.
#[must_use]
pub fn lookup_variable(text: &str, name: &str) -> Option<OsString> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let found = lines.filter_map(|line| line.split_once('=')).rfind(|(key, _)| key.trim_end() == name);
    found.map(|(_, value)| unquoted(value.trim()).into())
}

/// Variables with our prefix that are unknown.
#[must_use]
pub fn unknown_variables(text: &str) -> Vec<Ineffective> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let set = lines.filter(|(_, line)| !line.starts_with(['#', ';'])).filter_map(|(at, line)| {
        let (name, _) = line.split_once('=')?;
        Some((at, name.trim_end()))
    });
    let known = |name: &str| VARIABLES.iter().any(|(variable, _)| *variable == name);
    set.filter(|(_, name)| name.starts_with(VARIABLE_PREFIX) && !known(name))
        .map(|(line, name)| Ineffective::UnknownVariable {
            origin: SettingOrigin::File { path: ENVIRONMENT_FILE.into(), line },
            variable: clip(name),
            nearest: VARIABLES
                .iter()
                .map(|(v, _)| *v)
                .min_by_key(|v| levenshtein(name, v))
                .unwrap_or_default(),
        })
        .collect()
}

fn unquoted(value: &str) -> &str {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
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
    fn whole_mebibytes_are_accepted() {
        assert_eq!(kill("13000"), Ok(vec![13_000 << 20]));
        assert_eq!(kill(" 13000\n"), Ok(vec![13_000 << 20]));
        assert_eq!(kill(""), Ok(vec![]));
        assert_eq!(kill(" \t"), Ok(vec![]));
    }

    #[test]
    fn an_empty_variable_causes_a_warning() {
        let ineffective = |value: Option<&str>| {
            read(&|name| value.filter(|_| name == "WATCHDOG_KILL_MB").map(OsString::from))
                .map(|(_, ineffective)| ineffective)
        };
        assert_eq!(ineffective(Some(" ")).expect("read"), [Ineffective::Empty("WATCHDOG_KILL_MB")]);
        assert_eq!(ineffective(Some("1")).expect("read"), []);
        assert_eq!(ineffective(None).expect("read"), []);
    }

    #[test]
    fn other_values_name_the_variable() {
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
    fn non_unicode_values_are_rejected() {
        use std::os::unix::ffi::OsStringExt;
        let found = read(&|_| Some(OsString::from_vec(vec![0xff, b'1'])));
        assert!(matches!(found, Err(ConfigError::Variable { variable: "WATCHDOG_WARN_MB", .. })));
    }

    #[test]
    fn environment_files_are_read_as_by_systemd() {
        let text = "# A=1\n;A=2\n\nA=3\n  B = \"4 5\" \nC='6'\nA=7\nnonsense\nD=\n";
        let of = |name| lookup_variable(text, name).map(|value| value.into_string().unwrap());
        assert_eq!(of("A").as_deref(), Some("7"));
        assert_eq!(of("B").as_deref(), Some("4 5"));
        assert_eq!(of("C").as_deref(), Some("6"));
        assert_eq!(of("D").as_deref(), Some(""));
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn unknown_variables_are_reported_with_their_line() {
        let text = "# WATCHDOG_WARM_MB=1\nPATH=/bin\nWATCHDOG_KILL_MB=9\nWATCHDOG_WARN_GB = 8\n";
        let warnings: Vec<String> = unknown_variables(text).iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "/etc/default/claude-watchdog:4: unknown variable WATCHDOG_WARN_GB; the nearest known variable is \
                 WATCHDOG_WARN_MB"
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_environment_files_do_not_panic(text in "[A-C=\"' #;\n\\\\]{0,60}") {
            let _ = (lookup_variable(&text, "A"), unknown_variables(&text));
        }
    }
}
