//! The thresholds that apply on this machine: as configured, and clamped.

use super::{Config, MinOf, SettingOrigin, key};
use crate::api::explanation::{ThresholdInfo, ThresholdsInfo};
use crate::model::{Bytes, Size, Thresholds};

/// Above this share a machine stalls before an agent reaches the threshold: the kernel and other processes need the rest.
const MAX_KILL_PERCENT: u64 = 85;
/// The warn threshold if the configured one is not below the kill threshold.
const FALLBACK_WARN_PERCENT: u64 = 55;
/// Below the minimum there is no memory left for a grace period (`SystemMemory::floor`). Above the maximum the guard could
/// not attribute the growth: its baseline is the last sample with 12 % available.
const MIN_RESERVE_PERCENT: u64 = 2;
const MAX_RESERVE_PERCENT: u64 = 10;
/// A threshold of zero would apply to every process. Only percentages of an impossibly small machine come below this.
const MIN_THRESHOLD: Bytes = Bytes::mib(1);

/// The thresholds, with notes on those that differ from the configured ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveThresholds {
    /// Always `0 < warn < kill`, and `kill` at most 85 % of the memory.
    pub thresholds: Thresholds,
    /// Available memory that the guard defends: 2 to 10 % of the total.
    pub reserve: Bytes,
    /// A sentence for each threshold that differs from the configured or remembered size.
    pub notes: Vec<String>,
    /// The notes on configured values that were clamped.
    pub clamped: Vec<String>,
}

impl EffectiveThresholds {
    /// The thresholds of `config` on a machine with `total` bytes of memory.
    #[must_use]
    pub fn resolve(config: &Config, total: Bytes) -> Self {
        let (mut notes, mut clamped) = (Vec::new(), Vec::new());
        let default = Config::default().thresholds;
        let kill_origin = set_by(config, key::KILL, config.thresholds.kill == default.kill);
        let warn_origin = set_by(config, key::WARN, config.thresholds.warn == default.warn);

        let set = &config.thresholds.kill;
        let ceiling = total.share(MAX_KILL_PERCENT, 100);
        let kill = set.resolve(total).min(ceiling).max(MIN_THRESHOLD);
        if set.resolve(total) > ceiling {
            notes.push(format!(
                "kill threshold: {kill} ({}{kill_origin} exceeds {MAX_KILL_PERCENT}% of {total} RAM)",
                describe(set, total)
            ));
            clamped.extend(notes.last().filter(|_| !kill_origin.is_empty()).cloned());
        } else {
            notes.extend(percentage_note("kill", set, total, &kill_origin));
        }

        let set = &config.thresholds.warn;
        let mut warn = set.resolve(total).max(MIN_THRESHOLD);
        if warn < kill {
            notes.extend(percentage_note("warn", set, total, &warn_origin));
        } else {
            warn = total
                .share(FALLBACK_WARN_PERCENT, 100)
                .min(kill.share(FALLBACK_WARN_PERCENT, MAX_KILL_PERCENT));
            notes.push(format!(
                "warn threshold: {warn} ({}{warn_origin} is not below the kill threshold of {kill}{kill_origin})",
                describe(set, total)
            ));
            clamped.extend(notes.last().filter(|_| !warn_origin.is_empty()).cloned());
        }
        let set = &config.guard.reserve;
        let (least, most) = (total.share(MIN_RESERVE_PERCENT, 100), total.share(MAX_RESERVE_PERCENT, 100));
        let reserve = set.resolve(total).clamp(least, most.max(least));
        if reserve != set.resolve(total) {
            let set_by = set_by(config, key::RESERVE, false);
            notes.push(format!(
                "reserve: {reserve} ({}{set_by} is not between {MIN_RESERVE_PERCENT}% and {MAX_RESERVE_PERCENT}% of {total} RAM)",
                describe(set, total)
            ));
            clamped.extend(notes.last().cloned());
        }
        Self { thresholds: Thresholds { warn, kill }, reserve, notes, clamped }
    }

    /// The thresholds, their configured values and where those were set.
    #[must_use]
    pub fn to_info(&self, config: &Config) -> ThresholdsInfo {
        let threshold = |bytes: Bytes, set: &MinOf, key| ThresholdInfo {
            bytes,
            set: set.to_string(),
            origin: config.origins.get(key).to_string(),
        };
        ThresholdsInfo {
            warn: threshold(self.thresholds.warn, &config.thresholds.warn, key::WARN),
            kill: threshold(self.thresholds.kill, &config.thresholds.kill, key::KILL),
            notes: self.notes.clone(),
        }
    }
}

/// A note where a percentage applies although the setting names a larger absolute size as well: people remember 13 GB,
/// and would not find it on a machine with 8 GB.
fn percentage_note(name: &str, set: &MinOf, total: Bytes, set_by: &str) -> Option<String> {
    let (size, absolute) = (set.effective(total), set.absolute()?);
    matches!(size, Size::Share(_)).then(|| {
        let unused = if set_by.is_empty() { "the " } else { "" };
        let default = if set_by.is_empty() { " default" } else { "" };
        format!(
            "{name} threshold: {} ({size} of {total} RAM{set_by}; {unused}{absolute}{default} does not apply)",
            size.of(total)
        )
    })
}

/// Where a value was set; empty for a default.
fn set_by(config: &Config, key: &str, is_default: bool) -> String {
    match config.origins.get(key) {
        origin if !is_default && *origin != SettingOrigin::BuiltIn => format!(" from {origin}"),
        _ => String::new(),
    }
}

/// `13G`, or a percentage and its size: `95% = 7.4G`.
fn describe(set: &MinOf, total: Bytes) -> String {
    match set.effective(total) {
        Size::Bytes(bytes) => bytes.to_string(),
        share @ Size::Share(_) => format!("{share} = {}", share.of(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(key: &str, sizes: &[&str]) -> Config {
        with(Config::default(), key, sizes)
    }

    fn with(mut config: Config, key: &str, sizes: &[&str]) -> Config {
        let mut sizes = sizes.iter().map(|text| text.parse().expect("a size"));
        let min_of = MinOf::new(sizes.next().expect("one"), sizes);
        if key == key::WARN {
            config.thresholds.warn = min_of;
        } else {
            config.thresholds.kill = min_of;
        }
        config.origins.set(key, SettingOrigin::File { path: "/etc/x.toml".into(), line: 3 });
        config
    }

    /// `warn kill`, then one note per line.
    fn resolved(config: &Config, total: Bytes) -> String {
        let EffectiveThresholds { thresholds, notes, .. } = EffectiveThresholds::resolve(config, total);
        [vec![format!("{} {}", thresholds.warn, thresholds.kill)], notes].concat().join("\n")
    }

    #[test]
    fn a_large_machine_has_the_absolute_defaults() {
        insta::assert_snapshot!(resolved(&Config::default(), Bytes::gib(24)), @"8G 13G");
        insta::assert_snapshot!(resolved(&Config::default(), Bytes::gib(16)), @"8G 13G");
    }

    #[test]
    fn a_small_machine_gets_percentages_with_a_note() {
        insta::assert_snapshot!(resolved(&Config::default(), Bytes::mib(7987)), @"
        4.3G 6.6G
        kill threshold: 6.6G (85% of 7.8G RAM; the 13G default does not apply)
        warn threshold: 4.3G (55% of 7.8G RAM; the 8G default does not apply)
        ");
        insta::assert_snapshot!(resolved(&Config::default(), Bytes::mib(11_990)), @"
        6.4G 10G
        kill threshold: 10G (85% of 11.7G RAM; the 13G default does not apply)
        warn threshold: 6.4G (55% of 11.7G RAM; the 8G default does not apply)
        ");
    }

    #[test]
    fn an_unreachable_kill_threshold_is_clamped() {
        insta::assert_snapshot!(resolved(&set(key::KILL, &["13G"]), Bytes::mib(7987)), @"
        4.3G 6.6G
        kill threshold: 6.6G (13G from /etc/x.toml:3 exceeds 85% of 7.8G RAM)
        warn threshold: 4.3G (55% of 7.8G RAM; the 8G default does not apply)
        ");
        insta::assert_snapshot!(resolved(&set(key::KILL, &["20G", "95%"]), Bytes::mib(7987)), @"
        4.3G 6.6G
        kill threshold: 6.6G (95% = 7.4G from /etc/x.toml:3 exceeds 85% of 7.8G RAM)
        warn threshold: 4.3G (55% of 7.8G RAM; the 8G default does not apply)
        ");
        insta::assert_snapshot!(resolved(&set(key::KILL, &["20G"]), Bytes::gib(24)), @"8G 20G");
    }

    #[test]
    fn a_warn_threshold_stays_below_the_kill_threshold() {
        insta::assert_snapshot!(resolved(&set(key::KILL, &["4G"]), Bytes::gib(16)), @"
        2.6G 4G
        warn threshold: 2.6G (8G is not below the kill threshold of 4G from /etc/x.toml:3)
        ");
        insta::assert_snapshot!(resolved(&set(key::WARN, &["14G"]), Bytes::gib(24)), @"
        8.4G 13G
        warn threshold: 8.4G (14G from /etc/x.toml:3 is not below the kill threshold of 13G)
        ");
        insta::assert_snapshot!(resolved(&set(key::WARN, &["95%"]), Bytes::gib(8)), @"
        4.4G 6.8G
        kill threshold: 6.8G (85% of 8G RAM; the 13G default does not apply)
        warn threshold: 4.4G (95% = 7.6G from /etc/x.toml:3 is not below the kill threshold of 6.8G)
        ");
        let equal = with(set(key::WARN, &["8G"]), key::KILL, &["50%"]);
        assert!(resolved(&equal, Bytes::gib(16)).starts_with("5.2G 8G\n"));
        let both = with(set(key::WARN, &["5G"]), key::KILL, &["50%"]);
        insta::assert_snapshot!(resolved(&both, Bytes::gib(8)), @"
        2.6G 4G
        warn threshold: 2.6G (5G from /etc/x.toml:3 is not below the kill threshold of 4G from /etc/x.toml:3)
        ");
    }

    #[test]
    fn a_configured_percentage_is_noted_with_its_origin() {
        insta::assert_snapshot!(resolved(&set(key::KILL, &["12G", "70%"]), Bytes::gib(16)), @"
        8G 11.2G
        kill threshold: 11.2G (70% of 16G RAM from /etc/x.toml:3; 12G does not apply)
        ");
        insta::assert_snapshot!(resolved(&set(key::KILL, &["70%"]), Bytes::gib(16)), @"8G 11.2G");
    }

    fn size() -> impl Strategy<Value = Size> {
        prop_oneof![
            any::<u64>().prop_map(|n| Size::Bytes(Bytes::new(n))),
            (0_u64..1 << 36).prop_map(|n| Size::Bytes(Bytes::new(n))),
            (0_u32..=10_000).prop_map(Size::Share),
        ]
    }

    fn min_of() -> impl Strategy<Value = MinOf> {
        (size(), prop::collection::vec(size(), 0..3)).prop_map(|(first, others)| MinOf::new(first, others))
    }

    proptest! {
        #[test]
        fn thresholds_are_ordered_and_reachable(
            warn in min_of(),
            kill in min_of(),
            total in prop_oneof![(64_u64 << 20)..1 << 40, (64_u64 << 20)..],
        ) {
            let mut config = Config::default();
            config.thresholds.warn = warn;
            config.thresholds.kill = kill;
            let total = Bytes::new(total);
            let EffectiveThresholds { thresholds, notes, .. } = EffectiveThresholds::resolve(&config, total);
            prop_assert!(Bytes::ZERO < thresholds.warn, "{thresholds:?}");
            prop_assert!(thresholds.warn < thresholds.kill, "{thresholds:?}");
            prop_assert!(thresholds.kill <= total.share(85, 100), "{thresholds:?}");
            prop_assert!(notes.len() <= 2);
        }
    }
}
