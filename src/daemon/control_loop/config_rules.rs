//! The rules, from the configuration.

use crate::config::{Config, ConfigError};
use crate::rules::Rules;

/// The rules that `config` sets, built-in ones included.
///
/// # Errors
/// Where a rule as a whole cannot be; the message has the place where it was written.
pub fn rules(config: &Config) -> Result<Rules, ConfigError> {
    Rules::new(&config.rules).map_err(|error| config.at_fault(error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Overrides, Place, Sources, load};

    fn read(text: &str) -> Result<Rules, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let sources =
            Sources { place: Place::Named(path), environment: &|_| None, overrides: Overrides::default() };
        load(&sources)
            .and_then(|config| rules(&config))
            .map_err(|error| error.to_string().replace(&*directory.path().to_string_lossy(), "/etc"))
    }

    #[test]
    fn a_rule_that_cannot_be_is_named_with_its_place() {
        let texts = [
            "[rules.gemeni]\nenabled = false",
            "\n[rules.my-agent]",
            "[rules]\nx = { resume = 'x' }",
            "[rules.claude]\nexe = []\nscript = []\nargv0 = []",
            "[rules.x]\nexe = ['x']\nlauncher = true",
            "[rules.x]\nscript = ['x']\nlauncher = true\nservice = true",
            "[rules.codex]\n\nservice = true",
        ];
        let all: String = texts.iter().map(|text| read(text).expect_err(text) + "\n").collect();
        insta::assert_snapshot!(all);
    }

    #[test]
    fn rules_of_a_file_are_tried() {
        let rules = read("[rules.my-agent]\nexe = ['my-agent/bin/*']").unwrap();
        assert_eq!(rules.names().next(), Some("my-agent"));
    }
}
