//! Loads the configuration and builds its rules.

use std::ffi::OsString;

use super::options::Options;
use crate::config::{self, Config, ConfigError, ConfigPath, Overrides, Sources};
use crate::model::Uid;
use crate::rules::Rules;

/// A valid configuration and its rules.
#[derive(Debug)]
pub(crate) struct LoadedConfig {
    pub(crate) config: Config,
    pub(crate) rules: Rules,
}

impl LoadedConfig {
    /// Loads the configuration at startup, with the variables of our own environment.
    pub(crate) fn first(options: &Options, uid: Uid) -> Result<Self, ConfigError> {
        load(options, uid, &|name| std::env::var_os(name))
    }
}

/// Loads the configuration that `options` names; `environment` returns the value of a variable.
pub(crate) fn load(
    options: &Options,
    uid: Uid,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<LoadedConfig, ConfigError> {
    let path = ConfigPath::locate(options.config.as_deref(), uid, environment);
    let sources = Sources { path, environment, overrides: Overrides { dry_run: options.dry_run } };
    let config = config::load(&sources)?;
    let rules = rules(&config)?;
    Ok(LoadedConfig { config, rules })
}

/// Builds the rules of `config`, built-in ones included.
///
/// # Errors
/// A rule that contradicts itself; the message names the file and line of the rule.
pub fn rules(config: &Config) -> Result<Rules, ConfigError> {
    Rules::new(&config.rules).map_err(|error| config.rule_error(error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{ConfigPath, Overrides, Sources, load};

    fn read(text: &str) -> Result<Rules, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let sources = Sources {
            path: ConfigPath::Named(path),
            environment: &|_| None,
            overrides: Overrides::default(),
        };
        load(&sources)
            .and_then(|config| rules(&config))
            .map_err(|error| error.to_string().replace(&*directory.path().to_string_lossy(), "/etc"))
    }

    #[test]
    fn an_invalid_rule_is_reported_with_its_location() {
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
    fn rules_of_a_file_are_used() {
        let rules = read("[rules.my-agent]\nexe = ['my-agent/bin/*']").unwrap();
        assert_eq!(rules.names().next(), Some("my-agent"));
    }
}
