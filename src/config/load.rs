//! From sources to settings.

use super::merged::Merged;
use super::{Config, ConfigError, Origin, Sources, environment, files, key, layer};

/// Reads all layers and checks them, each by itself and all together.
///
/// # Errors
/// The first thing that is wrong: files that cannot be read before all else, then in the order of the layers.
pub fn load(sources: &Sources<'_>) -> Result<Config, ConfigError> {
    let mut merged = Merged::default();
    for (path, text) in files::read(sources)? {
        merged.lay(&path, layer::read(&path, &text)?);
    }
    for setting in environment::read(sources.environment)? {
        merged.set(setting.key, setting.bytes, Origin::Environment(setting.variable));
    }
    if sources.overrides.dry_run {
        merged.set(key::DRY_RUN, true, Origin::Flag("--dry-run"));
    }
    let config = merged.into_config()?;
    check_order(&config)?;
    Ok(config)
}

/// Refuses lines that are the wrong way round in every guest. A value that equals the default does not count as set:
/// the shipped file spells all defaults out, and who then sets one line only is not to be refused for the other,
/// which gives way instead ([`super::EffectiveLines`]).
fn check_order(config: &Config) -> Result<(), ConfigError> {
    let (lines, default) = (&config.lines, Config::default().lines);
    if lines.warn == default.warn || lines.kill == default.kill || !lines.warn.never_below(&lines.kill) {
        return Ok(());
    }
    Err(ConfigError::WarnNotBelowKill {
        warn: Box::new(lines.warn.clone()),
        warn_origin: config.origins.of(key::WARN).clone(),
        kill: Box::new(lines.kill.clone()),
        kill_origin: config.origins.of(key::KILL).clone(),
    })
}
