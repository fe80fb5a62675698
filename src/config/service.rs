//! The environment that the unit gives to the service, for those who check a configuration from a shell.

use std::ffi::OsString;

use super::environment::VARIABLES;
use super::error::clip;
use super::keys::distance;
use super::{Ineffective, Origin};

/// What the unit's `EnvironmentFile=` names.
pub const ENVIRONMENT_FILE: &str = "/etc/default/claude-watchdog";

/// What our variables begin with, as the bash original had them.
const PREFIX: &str = "WATCHDOG_";

/// The value of `name` in the text of an environment file (`systemd.exec(5)`): `NAME=value` a line, quotes around a
/// value taken off, comments passed over. The last one counts.
#[must_use]
pub fn lookup(text: &str, name: &str) -> Option<OsString> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let found = lines.filter_map(|line| line.split_once('=')).rfind(|(key, _)| key.trim_end() == name);
    found.map(|(_, value)| unquoted(value.trim()).into())
}

/// The variables in it that look as if they were for us, and that nobody reads.
#[must_use]
pub fn unread(text: &str) -> Vec<Ineffective> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let set = lines.filter(|(_, line)| !line.starts_with(['#', ';'])).filter_map(|(at, line)| {
        let (name, _) = line.split_once('=')?;
        Some((at, name.trim_end()))
    });
    let known = |name: &str| VARIABLES.iter().any(|(variable, _)| *variable == name);
    set.filter(|(_, name)| name.starts_with(PREFIX) && !known(name))
        .map(|(line, name)| Ineffective::Unread {
            origin: Origin::File { path: ENVIRONMENT_FILE.into(), line },
            variable: clip(name),
            nearest: VARIABLES.iter().map(|(v, _)| *v).min_by_key(|v| distance(name, v)).unwrap_or_default(),
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

    #[test]
    fn a_file_reads_as_systemd_reads_it() {
        let text = "# A=1\n;A=2\n\nA=3\n  B = \"4 5\" \nC='6'\nA=7\nnonsense\nD=\n";
        let of = |name| lookup(text, name).map(|value| value.into_string().unwrap());
        assert_eq!(of("A").as_deref(), Some("7"));
        assert_eq!(of("B").as_deref(), Some("4 5"));
        assert_eq!(of("C").as_deref(), Some("6"));
        assert_eq!(of("D").as_deref(), Some(""));
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn a_variable_that_nobody_reads_is_told_with_its_line() {
        let text = "# WATCHDOG_WARM_MB=1\nPATH=/bin\nWATCHDOG_KILL_MB=9\nWATCHDOG_WARN_GB = 8\n";
        let told: Vec<String> = unread(text).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["/etc/default/claude-watchdog:4: nobody reads WATCHDOG_WARN_GB; the nearest known variable is \
                 WATCHDOG_WARN_MB"]
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_stands_there_ends_nothing(text in "[A-C=\"' #;\n\\\\]{0,60}") {
            let _ = (lookup(&text, "A"), unread(&text));
        }
    }
}
