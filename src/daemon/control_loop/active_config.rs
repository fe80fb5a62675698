//! The configuration in force, resolved for this machine.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use crate::config::{Config, EffectiveThresholds};
use crate::daemon::config_load::LoadedConfig;
use crate::daemon::options::Options;
use crate::model::{ActionSettings, Bytes, GuardSettings, MissingFeature, Pid, Thresholds, Uid};
use crate::rules::Rules;

/// A configuration, resolved for the memory of this machine.
pub(crate) struct ResolvedConfig {
    config: Config,
    effective: EffectiveThresholds,
    pub(crate) rules: Arc<Rules>,
    pub(crate) act: ActionSettings,
    pub(crate) guard: GuardSettings,
    /// Limited agents are throttled just below their limits.
    pub(crate) is_throttle_enabled: bool,
    /// Remarks for readers of the status, a sentence each.
    notes: Vec<String>,
    /// Settings without effect, for the author of the configuration.
    ineffective: Vec<String>,
}

impl ResolvedConfig {
    /// Resolves `loaded` for a machine with `total` bytes of memory.
    pub(crate) fn new(loaded: LoadedConfig, total: Bytes) -> Self {
        let LoadedConfig { config, rules } = loaded;
        let effective = EffectiveThresholds::resolve(&config, total);
        let mut notes = effective.notes.clone();
        if config.act.dry_run {
            notes.push("dry run: agents over their kill threshold are reported, not killed".to_owned());
        }
        if !config.guard.enabled {
            notes.push("the guard is off: no agent is killed when the machine runs out of memory".to_owned());
        }
        let act = config.act;
        let guard = GuardSettings { enabled: config.guard.enabled, reserve: Some(effective.reserve) };
        let shadowed = rules.shadowed().into_iter().map(|shadowed| {
            let origin = config.origins.rule(&shadowed.rule, None);
            format!("{origin}: `rules.{}` {shadowed}", shadowed.rule)
        });
        let ineffective = config.ineffective.iter().map(ToString::to_string).chain(shadowed).collect();
        let is_throttle_enabled = config.act.throttle && !config.act.dry_run;
        Self {
            config,
            effective,
            rules: Arc::new(rules),
            act,
            guard,
            is_throttle_enabled,
            notes,
            ineffective,
        }
    }

    pub(crate) fn thresholds(&self) -> Thresholds {
        self.effective.thresholds
    }

    /// All warnings for the author of the configuration, a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        [self.notes.as_slice(), &self.ineffective].concat()
    }

    /// The thresholds and the grace period, for the log.
    pub(crate) fn summary(&self) -> String {
        let Thresholds { warn, kill } = self.thresholds();
        let grace = humantime::format_duration(self.act.grace);
        format!("warn threshold {warn}, kill threshold {kill}, grace period {grace}")
    }
}

/// The configuration in force, and platform features found missing at startup.
#[derive(Debug)]
pub(crate) struct ActiveConfig {
    settings: watch::Sender<Arc<Settings>>,
    /// Remarks for readers of the status, a sentence each.
    notes: Vec<String>,
    missing_features: Vec<MissingFeature>,
}

/// The settings that explanations need; replaced as a whole by a reload.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Mount point of procfs.
    pub(crate) proc: PathBuf,
    /// Mount point of cgroup v2.
    pub(crate) cgroup: PathBuf,
    pub(crate) config: Config,
    pub(crate) rules: Arc<Rules>,
    pub(crate) thresholds: EffectiveThresholds,
    /// The only user with supervised agents; `None`: all users.
    pub(crate) only: Option<Uid>,
    /// The daemon's own pid; `None` without a daemon.
    pub(crate) supervisor: Option<Pid>,
}

impl ActiveConfig {
    pub(crate) fn new(
        resolved: ResolvedConfig,
        missing_features: Vec<MissingFeature>,
        options: &Options,
        only: Option<Uid>,
    ) -> Self {
        let settings = Settings {
            proc: options.proc.clone(),
            cgroup: options.cgroup.clone(),
            config: resolved.config,
            rules: resolved.rules,
            thresholds: resolved.effective,
            only,
            supervisor: i32::try_from(std::process::id()).ok().and_then(Pid::new),
        };
        let settings = watch::Sender::new(Arc::new(settings));
        let notes = with_missing_features(resolved.notes, &missing_features);
        Self { settings, notes, missing_features }
    }

    /// Puts another configuration into force.
    pub(crate) fn replace(&mut self, resolved: ResolvedConfig) {
        let ResolvedConfig { config, effective, rules, notes, .. } = resolved;
        self.notes = with_missing_features(notes, &self.missing_features);
        self.settings.send_modify(|settings| {
            *settings =
                Arc::new(Settings { config, rules, thresholds: effective, ..Settings::clone(settings) });
        });
    }

    pub(crate) fn thresholds(&self) -> Thresholds {
        self.settings.borrow().thresholds.thresholds
    }

    /// Remarks for readers of the status, a sentence each.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The settings, for explanations.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }
}

fn with_missing_features(mut notes: Vec<String>, missing: &[MissingFeature]) -> Vec<String> {
    notes.extend(missing.iter().filter(|feature| feature.is_shown_in_status()).map(ToString::to_string));
    notes
}
