//! The environment that the unit gives to the service, for those who check a configuration from a shell.

use std::ffi::OsString;

/// What the unit's `EnvironmentFile=` names.
pub const ENVIRONMENT_FILE: &str = "/etc/default/claude-watchdog";

/// The value of `name` in the text of an environment file (`systemd.exec(5)`): `NAME=value` a line, quotes around a
/// value taken off, comments passed over. The last one counts.
#[must_use]
pub fn lookup(text: &str, name: &str) -> Option<OsString> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let found = lines.filter_map(|line| line.split_once('=')).rfind(|(key, _)| key.trim_end() == name);
    found.map(|(_, value)| unquoted(value.trim()).into())
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

    proptest::proptest! {
        #[test]
        fn whatever_stands_there_ends_nothing(text in "[A-C=\"' #;\n\\\\]{0,60}") {
            let _ = lookup(&text, "A");
        }
    }
}
