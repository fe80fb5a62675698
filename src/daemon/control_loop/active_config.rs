//! What a configuration comes to in this guest.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Config, EffectiveThresholds};
use crate::model::{ActionSettings, Bytes, GuardSettings, Pid, Thresholds, Uid};
use crate::rules::Rules;

/// What a configuration comes to in this guest.
pub(crate) struct Terms {
    pub(crate) effective: EffectiveThresholds,
    pub(crate) act: ActionSettings,
    pub(crate) guard: GuardSettings,
    /// Limited agents are held back just below their limits.
    pub(crate) brake: bool,
    /// What a reader should know about it, a sentence each.
    pub(crate) notes: Vec<String>,
    /// What is set to no effect; for who wrote it.
    pub(crate) inert: Vec<String>,
}

impl Terms {
    pub(crate) fn of(config: &Config, rules: &Rules, total: Bytes) -> Self {
        let effective = EffectiveThresholds::resolve(config, total);
        let mut notes = effective.notes.clone();
        if config.act.dry_run {
            notes.push("dry run: agents over their kill threshold are reported, not ended".to_owned());
        }
        if !config.guard.enabled {
            notes.push(
                "the guard is switched off: no agent is ended when the guest runs out of memory".to_owned(),
            );
        }
        let guard = GuardSettings { enabled: config.guard.enabled, reserve: Some(effective.reserve) };
        let shadowed = rules.shadowed().into_iter().map(|shadowed| {
            let origin = config.origins.rule(&shadowed.rule, None);
            format!("{origin}: `rules.{}` {shadowed}", shadowed.rule)
        });
        let inert = config.ineffective.iter().map(ToString::to_string).chain(shadowed).collect();
        Self {
            effective,
            act: config.act,
            guard,
            brake: config.act.throttle && !config.act.dry_run,
            notes,
            inert,
        }
    }
}

/// The lines and the grace, in one breath.
pub(crate) fn said(thresholds: Thresholds, act: ActionSettings) -> String {
    let grace = humantime::format_duration(act.grace);
    format!("warn threshold {}, kill threshold {}, grace {grace}", thresholds.warn, thresholds.kill)
}

/// What does not change from tick to tick.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where `/proc` is.
    pub(crate) proc: PathBuf,
    /// Where cgroups are.
    pub(crate) cgroup: PathBuf,
    pub(crate) config: Config,
    pub(crate) rules: Arc<Rules>,
    pub(crate) thresholds: EffectiveThresholds,
    /// Only this user's agents are supervised; `None`: everybody's.
    pub(crate) only: Option<Uid>,
    /// The supervisor itself; `None` where there is none.
    pub(crate) supervisor: Option<Pid>,
}
