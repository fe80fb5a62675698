//! The thresholds that count in this guest, whatever was set.

use super::{Config, MinOf, Origin, key};
use crate::api::explanation::{ThresholdInfo, ThresholdsInfo};
use crate::model::{Bytes, Size, Thresholds};

/// Above this share a guest stalls before its agent reaches the line: the kernel and the rest need the remainder.
const MAX_KILL_PERCENT: u64 = 85;
/// Where the warn threshold goes when it would not be below the kill threshold.
const FALLBACK_WARN_PERCENT: u64 = 55;
/// Below the lowest there is no room for a grace (`Guest::floor`); above the highest the guard could no longer tell who took
/// what is missing (it looks back to when 12 % were available).
const MIN_RESERVE_PERCENT: u64 = 2;
const MAX_RESERVE_PERCENT: u64 = 10;
/// A line of nothing would act upon everything; only shares of a guest too small to exist come below this.
const MIN_THRESHOLD: Bytes = Bytes::mib(1);

/// The thresholds, and what their reader should know of how they came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveThresholds {
    /// Always `0 < warn < kill`, and `kill` at most 85 % of the guest.
    pub thresholds: Thresholds,
    /// What the guest is to have left: 2 to 10 % of it.
    pub reserve: Bytes,
    /// A sentence for each line that is not the size people expect.
    pub notes: Vec<String>,
    /// Those of the notes that are about what somebody set, and that does not count.
    pub clamped: Vec<String>,
}

impl EffectiveThresholds {
    /// The thresholds of `config` in a guest with `total` bytes of memory.
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
                "the kill threshold {}{kill_origin} is above {MAX_KILL_PERCENT}% of this guest's {total}: {kill} counts",
                shown(set, total)
            ));
            clamped.extend(notes.last().filter(|_| !kill_origin.is_empty()).cloned());
        } else {
            notes.extend(chosen("kill", set, total, &kill_origin));
        }

        let set = &config.thresholds.warn;
        let mut warn = set.resolve(total).max(MIN_THRESHOLD);
        if warn < kill {
            notes.extend(chosen("warn", set, total, &warn_origin));
        } else {
            warn = total
                .share(FALLBACK_WARN_PERCENT, 100)
                .min(kill.share(FALLBACK_WARN_PERCENT, MAX_KILL_PERCENT));
            notes.push(format!(
                "the warn threshold {}{warn_origin} is not below the kill threshold {kill}{kill_origin}: {warn} counts",
                shown(set, total)
            ));
            clamped.extend(notes.last().filter(|_| !warn_origin.is_empty()).cloned());
        }
        let set = &config.guard.reserve;
        let (least, most) = (total.share(MIN_RESERVE_PERCENT, 100), total.share(MAX_RESERVE_PERCENT, 100));
        let reserve = set.resolve(total).clamp(least, most.max(least));
        if reserve != set.resolve(total) {
            let set_by = set_by(config, key::RESERVE, false);
            notes.push(format!(
                "the reserve {}{set_by} is not between {MIN_RESERVE_PERCENT}% and {MAX_RESERVE_PERCENT}% of this guest's {total}: {reserve} \
                 counts",
                shown(set, total)
            ));
            clamped.extend(notes.last().cloned());
        }
        Self { thresholds: Thresholds { warn, kill }, reserve, notes, clamped }
    }
}

impl EffectiveThresholds {
    /// The thresholds with what was set and where.
    #[must_use]
    pub fn to_info(&self, config: &Config) -> ThresholdsInfo {
        let line = |bytes: Bytes, set: &MinOf, key| ThresholdInfo {
            bytes,
            set: set.to_string(),
            origin: config.origins.get(key).to_string(),
        };
        ThresholdsInfo {
            warn: line(self.thresholds.warn, &config.thresholds.warn, key::WARN),
            kill: line(self.thresholds.kill, &config.thresholds.kill, key::KILL),
            notes: self.notes.clone(),
        }
    }
}

/// Tells when a share of the guest counts though the setting names a larger absolute size as well: 13 GB are what
/// people remember, and in an 8 GB guest they look for them in vain.
fn chosen(name: &str, set: &MinOf, total: Bytes, set_by: &str) -> Option<String> {
    let (size, absolute) = (set.effective(total), set.absolute()?);
    matches!(size, Size::Share(_)).then(|| {
        format!(
            "the {name} line is {size}{set_by} of this guest's {total}: {} counts, not {absolute}",
            size.of(total)
        )
    })
}

/// Where a value was set; nothing to be told where it is the default.
fn set_by(config: &Config, key: &str, is_default: bool) -> String {
    match config.origins.get(key) {
        origin if !is_default && *origin != Origin::BuiltIn => format!(" (from {origin})"),
        _ => String::new(),
    }
}

/// `13G`, or a share with what it comes to: `95% = 7.4G`.
fn shown(set: &MinOf, total: Bytes) -> String {
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
        let line = MinOf::new(sizes.next().expect("one"), sizes);
        if key == key::WARN {
            config.thresholds.warn = line;
        } else {
            config.thresholds.kill = line;
        }
        config.origins.set(key, Origin::File { path: "/etc/x.toml".into(), line: 3 });
        config
    }

    /// `warn kill`, then the notes, a line each.
    fn tell(config: &Config, total: Bytes) -> String {
        let EffectiveThresholds { thresholds, notes, .. } = EffectiveThresholds::resolve(config, total);
        [vec![format!("{} {}", thresholds.warn, thresholds.kill)], notes].concat().join("\n")
    }

    #[test]
    fn a_large_guest_has_the_lines_of_the_original() {
        insta::assert_snapshot!(tell(&Config::default(), Bytes::gib(24)), @"8G 13G");
        insta::assert_snapshot!(tell(&Config::default(), Bytes::gib(16)), @"8G 13G");
    }

    #[test]
    fn a_small_guest_is_told_which_share_counts() {
        insta::assert_snapshot!(tell(&Config::default(), Bytes::mib(7987)), @"
        4.3G 6.6G
        the kill threshold is 85% of this guest's 7.8G: 6.6G counts, not 13G
        the warn threshold is 55% of this guest's 7.8G: 4.3G counts, not 8G
        ");
        insta::assert_snapshot!(tell(&Config::default(), Bytes::mib(11_990)), @"
        6.4G 10G
        the kill threshold is 85% of this guest's 11.7G: 10G counts, not 13G
        the warn threshold is 55% of this guest's 11.7G: 6.4G counts, not 8G
        ");
    }

    #[test]
    fn a_kill_line_the_guest_cannot_reach_is_clamped() {
        insta::assert_snapshot!(tell(&set(key::KILL, &["13G"]), Bytes::mib(7987)), @"
        4.3G 6.6G
        the kill threshold 13G (from /etc/x.toml:3) is above 85% of this guest's 7.8G: 6.6G counts
        the warn threshold is 55% of this guest's 7.8G: 4.3G counts, not 8G
        ");
        insta::assert_snapshot!(tell(&set(key::KILL, &["20G", "95%"]), Bytes::mib(7987)), @"
        4.3G 6.6G
        the kill threshold 95% = 7.4G (from /etc/x.toml:3) is above 85% of this guest's 7.8G: 6.6G counts
        the warn threshold is 55% of this guest's 7.8G: 4.3G counts, not 8G
        ");
        insta::assert_snapshot!(tell(&set(key::KILL, &["20G"]), Bytes::gib(24)), @"8G 20G");
    }

    #[test]
    fn a_warn_line_gives_way_to_the_kill_line() {
        insta::assert_snapshot!(tell(&set(key::KILL, &["4G"]), Bytes::gib(16)), @"
        2.6G 4G
        the warn threshold 8G is not below the kill threshold 4G (from /etc/x.toml:3): 2.6G counts
        ");
        insta::assert_snapshot!(tell(&set(key::WARN, &["14G"]), Bytes::gib(24)), @"
        8.4G 13G
        the warn threshold 14G (from /etc/x.toml:3) is not below the kill threshold 13G: 8.4G counts
        ");
        insta::assert_snapshot!(tell(&set(key::WARN, &["95%"]), Bytes::gib(8)), @"
        4.4G 6.8G
        the kill threshold is 85% of this guest's 8G: 6.8G counts, not 13G
        the warn threshold 95% = 7.6G (from /etc/x.toml:3) is not below the kill threshold 6.8G: 4.4G counts
        ");
        let equal = with(set(key::WARN, &["8G"]), key::KILL, &["50%"]);
        assert!(tell(&equal, Bytes::gib(16)).starts_with("5.2G 8G\n"));
        let both = with(set(key::WARN, &["5G"]), key::KILL, &["50%"]);
        insta::assert_snapshot!(tell(&both, Bytes::gib(8)), @"
        2.6G 4G
        the warn threshold 5G (from /etc/x.toml:3) is not below the kill threshold 4G (from /etc/x.toml:3): 2.6G counts
        ");
    }

    #[test]
    fn a_share_that_the_user_chose_is_told_with_its_place() {
        insta::assert_snapshot!(tell(&set(key::KILL, &["12G", "70%"]), Bytes::gib(16)), @"
        8G 11.2G
        the kill threshold is 70% (from /etc/x.toml:3) of this guest's 16G: 11.2G counts, not 12G
        ");
        insta::assert_snapshot!(tell(&set(key::KILL, &["70%"]), Bytes::gib(16)), @"8G 11.2G");
    }

    fn size() -> impl Strategy<Value = Size> {
        prop_oneof![
            any::<u64>().prop_map(|n| Size::Bytes(Bytes::new(n))),
            (0_u64..1 << 36).prop_map(|n| Size::Bytes(Bytes::new(n))),
            (0_u32..=10_000).prop_map(Size::Share),
        ]
    }

    fn smallest() -> impl Strategy<Value = MinOf> {
        (size(), prop::collection::vec(size(), 0..3)).prop_map(|(first, others)| MinOf::new(first, others))
    }

    proptest! {
        #[test]
        fn the_lines_are_in_order_and_within_reach(
            warn in smallest(),
            kill in smallest(),
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
