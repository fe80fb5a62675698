//! From sources to settings.

use super::merged::Merged;
use super::{Config, ConfigError, Origin, Sources, environment, files, key, layer};

/// Reads all layers and checks them, each by itself and all together.
///
/// # Errors
/// The first thing that is wrong: files that cannot be read before all else, then in the order of the layers.
pub fn load(sources: &Sources<'_>) -> Result<Config, ConfigError> {
    let mut merged = Merged::default();
    let files = files::read(sources)?;
    for (path, text) in files.texts {
        merged.lay(&path, layer::read(&path, &text)?);
    }
    merged.passes_over(files.passed_over);
    let (settings, empty) = environment::read(sources.environment)?;
    for setting in settings {
        merged.set(setting.key, setting.bytes, Origin::Environment(setting.variable));
    }
    merged.passes_over(empty);
    if sources.overrides.dry_run {
        merged.set(key::DRY_RUN, true, Origin::Flag("--dry-run"));
    }
    merged.into_config()
}
