//! When a limited agent is throttled just below its limit, and when no longer. Pure.
//!
//! Above `memory.high` the kernel slows down allocations, so that a leak that outruns the ticks gets a `SIGTERM` from us
//! instead of a `SIGKILL` from the kernel. The throttle only bridges the time until a decision. It is removed if no agent
//! is found responsible within [`MAX_THROTTLE`], and before an action: a throttled process needs a minute for a `SIGTERM`
//! handler that takes half a second without.

use std::time::Duration;

use crate::model::{Boottime, Bytes, Thresholds};

/// Maximum time that an agent is throttled without an action. A decision waits at most 3 s for
/// `smaps_rollup` of shared members, and one tick for its figures.
const MAX_THROTTLE: Duration = Duration::from_secs(4);

/// The throttle is set at a quarter of the way from the kill threshold to the limit. From there allocations are delayed from 2.2 %
/// above the kill threshold on; the limit is at 3.2 %.
const ABOVE_THRESHOLD_SHARE: u64 = 4;

/// An agent this close to the throttle, page cache aside, has no cache left but its own program's. The kernel then evicts and
/// reads that again page by page: a process in a guest stood still 0.1 % below the throttle for as long as it was observed.
const REACHED_SHARE: u64 = 64;

/// A throttled process may sleep in the kernel for 2 s (`MEMCG_MAX_HIGH_DELAY_JIFFIES`) without a new `high` event.
const MAX_KERNEL_SLEEP: Duration = Duration::from_millis(2500);

/// After the throttle was removed, it is set again once the agent is this far below it, or, after [`REARM_INTERVAL`], out of
/// its reach.
const REARM_SHARE: u64 = 32;
const REARM_INTERVAL: Duration = Duration::from_mins(1);

/// An order has taken effect by then. `memory.high` is checked in each sample: systemd writes `max` whenever a memory
/// property of the scope is set (`cgroup_context_apply`), and an administrator may write anything.
const ORDER_TIMEOUT: Duration = Duration::from_secs(1);

/// Largest page size of the architectures that Debian supports; the kernel counts in pages.
const MAX_PAGE_SIZE: u64 = 64 << 10;

/// The throttle of one scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ThrottlePolicy {
    state: ThrottleState,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ThrottleState {
    /// No order was given yet.
    #[default]
    New,
    Set {
        at: Bytes,
        ordered: Boottime,
        /// Since when the agent is throttled without an action to wait for, and when that was seen last.
        throttled_since: Option<(Boottime, Boottime)>,
        /// `high` of `memory.events` at the last sample.
        high_events: u64,
    },
    Removed(Boottime),
}

/// One sample of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ThrottleInput {
    /// Time of the sample.
    pub(super) at: Boottime,
    /// `memory.max`.
    pub(super) limit: Bytes,
    /// `memory.high`; `None` if it is `max`.
    pub(super) high: Option<Bytes>,
    /// `memory.current` without page cache, which the kernel reclaims without long delays.
    pub(super) in_use: Bytes,
    /// `high` of `memory.events`: number of times the cgroup exceeded `memory.high`.
    pub(super) high_events: u64,
    /// The agent is over its kill threshold.
    pub(super) is_over_kill_threshold: bool,
    /// The action in progress.
    pub(super) action: OngoingAction,
}

/// Which agent the action in progress concerns; there is at most one action at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OngoingAction {
    /// No action is in progress.
    #[default]
    None,
    /// This agent, or a part of it.
    This,
    /// Another agent; a decision about this one follows.
    Other,
}

/// A change of `memory.high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThrottleOrder {
    /// Set it to this value.
    Set(Bytes),
    /// Set it to `max`.
    Remove,
    /// Set it to `max` and report that no responsible process was found.
    GiveUp,
}

impl ThrottlePolicy {
    /// `memory.high` for a scope with this limit: a quarter of the way from its highest kill threshold to the limit. At the
    /// threshold itself a leak stood still just below it, because kernel memory counts for the limit and not for the charge
    /// (0.3 % in a guest); below, it crept there at 1 MB/s.
    pub(super) fn position(limit: Bytes) -> Bytes {
        let threshold = Thresholds::below_wall(limit);
        let position = threshold + limit.saturating_sub(threshold).share(1, ABOVE_THRESHOLD_SHARE);
        Bytes::new(position.get() / MAX_PAGE_SIZE * MAX_PAGE_SIZE)
    }

    /// The order that this sample requires; `None` if `memory.high` is as it should be.
    pub(super) fn step(&mut self, input: ThrottleInput) -> Option<ThrottleOrder> {
        let position = Self::position(input.limit);
        if input.action == OngoingAction::This {
            // Repeated in each sample: an order to set it may have been in progress.
            self.state = ThrottleState::Removed(input.at);
            return Some(ThrottleOrder::Remove);
        }
        match self.state {
            ThrottleState::Set { at, ordered, throttled_since, high_events } if at == position => {
                let has_new_events = input.high_events > high_events;
                let throttled_since = next_throttled_since(input, position, throttled_since, has_new_events);
                if throttled_since.is_some_and(|(since, _)| input.at.since(since) >= MAX_THROTTLE) {
                    self.state = ThrottleState::Removed(input.at);
                    return Some(ThrottleOrder::GiveUp);
                }
                let again = input.high != Some(position) && input.at.since(ordered) >= ORDER_TIMEOUT;
                let ordered = if again { input.at } else { ordered };
                self.state =
                    ThrottleState::Set { at, ordered, throttled_since, high_events: input.high_events };
                again.then_some(ThrottleOrder::Set(position))
            }
            ThrottleState::Removed(since) if !may_rearm(input, position, since) => {
                input.high.map(|_| ThrottleOrder::Remove)
            }
            ThrottleState::New | ThrottleState::Set { .. } | ThrottleState::Removed(_) => {
                self.state = ThrottleState::Set {
                    at: position,
                    ordered: input.at,
                    throttled_since: None,
                    high_events: input.high_events,
                };
                Some(ThrottleOrder::Set(position))
            }
        }
    }
}

fn next_throttled_since(
    input: ThrottleInput,
    position: Bytes,
    before: Option<(Boottime, Boottime)>,
    has_new_events: bool,
) -> Option<(Boottime, Boottime)> {
    // An agent over its own kill threshold stays throttled until the other action is over. An agent below it does not wait.
    let waits = input.action == OngoingAction::Other && input.is_over_kill_threshold;
    if waits || input.in_use < position.saturating_sub(position.share(1, REACHED_SHARE)) {
        return None;
    }
    match before {
        Some((since, _)) if has_new_events => Some((since, input.at)),
        Some((_, last)) if input.at.since(last) < MAX_KERNEL_SLEEP => before,
        _ => has_new_events.then_some((input.at, input.at)),
    }
}

fn may_rearm(input: ThrottleInput, position: Bytes, since: Boottime) -> bool {
    let headroom = position.saturating_sub(input.in_use);
    let is_out_of_reach = headroom > position.share(1, REACHED_SHARE);
    headroom > position.share(1, REARM_SHARE) || (is_out_of_reach && input.at.since(since) >= REARM_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Bytes = Bytes::mib(320);

    /// A scope in which each order takes effect at once.
    struct Scope {
        policy: ThrottlePolicy,
        high: Option<Bytes>,
        limit: Bytes,
        high_events: u64,
        cache: u64,
        is_over_kill_threshold: bool,
    }

    impl Scope {
        fn new() -> Self {
            Self {
                policy: ThrottlePolicy::default(),
                high: None,
                limit: LIMIT,
                high_events: 0,
                cache: 0,
                is_over_kill_threshold: false,
            }
        }

        fn step(&mut self, ms: u64, in_use: u64, action: OngoingAction) -> Option<ThrottleOrder> {
            let at = Boottime::new(Duration::from_millis(ms));
            let (limit, high) = (self.limit, self.high);
            let all = Bytes::mib(in_use + self.cache);
            self.high_events += u64::from(high.is_some_and(|high| all >= high));
            let in_use = Bytes::mib(in_use);
            let (high_events, is_over_kill_threshold) = (self.high_events, self.is_over_kill_threshold);
            let order = self.policy.step(ThrottleInput {
                at,
                limit,
                high,
                in_use,
                high_events,
                is_over_kill_threshold,
                action,
            });
            match order {
                Some(ThrottleOrder::Set(position)) => self.high = Some(position),
                Some(ThrottleOrder::Remove | ThrottleOrder::GiveUp) => self.high = None,
                None => {}
            }
            order
        }

        fn idle_step(&mut self, ms: u64, in_use: u64) -> Option<ThrottleOrder> {
            self.step(ms, in_use, OngoingAction::None)
        }
    }

    const SET: Option<ThrottleOrder> = Some(ThrottleOrder::Set(Bytes::kib(312 * 1024 + 512)));

    #[test]
    fn the_throttle_is_between_the_threshold_and_the_limit() {
        for gib in [1, 2, 8, 13, 64, 120] {
            let limit = Bytes::gib(gib);
            let (position, threshold) = (ThrottlePolicy::position(limit), Thresholds::below_wall(limit));
            assert!(position > threshold + threshold.share(7, 1000), "{limit}: {position}");
            // There allocations wait for 25 ms each 256K.
            assert!(position + position.share(2, 100) < limit, "{limit}: {position}");
        }
    }

    #[test]
    fn a_throttle_without_a_decision_is_given_up() {
        let mut scope = Scope::new();
        assert_eq!(scope.idle_step(0, 100), SET);
        assert_eq!(scope.idle_step(1000, 316), None);
        assert_eq!(scope.idle_step(3000, 290), None, "it has freed memory");
        assert_eq!(scope.idle_step(4000, 316), None);
        assert_eq!(scope.idle_step(7900, 316), None);
        assert_eq!(scope.idle_step(8000, 316), Some(ThrottleOrder::GiveUp));
        assert_eq!(scope.idle_step(9000, 316), None);
        assert_eq!(scope.idle_step(10_000, 306), None, "slightly below it is too close");
        assert_eq!(scope.idle_step(11_000, 290), SET);
        for ms in [12_000, 16_000] {
            let _ = scope.idle_step(ms, 316);
        }
        assert_eq!(scope.idle_step(75_900, 306), None);
        assert_eq!(scope.idle_step(76_000, 316), None, "still above it");
        assert_eq!(scope.idle_step(77_000, 310), None, "within its reach");
        assert_eq!(scope.idle_step(78_000, 306), SET, "set again after the interval");
    }

    /// At the throttle with its program, one page below it with its own memory.
    #[test]
    fn an_agent_whose_program_is_evicted_is_released() {
        let mut scope = Scope { cache: 2, ..Scope::new() };
        let _ = scope.idle_step(0, 100);
        assert_eq!(scope.idle_step(1000, 311), None);
        assert_eq!(scope.idle_step(4900, 311), None);
        assert_eq!(scope.idle_step(5000, 311), Some(ThrottleOrder::GiveUp));
    }

    #[test]
    fn page_cache_alone_never_gives_up_the_throttle() {
        let mut scope = Scope { cache: 300, ..Scope::new() };
        for ms in (0..60_000).step_by(1000) {
            assert_eq!(scope.idle_step(ms, 250), if ms == 0 { SET } else { None });
        }
        assert_eq!(scope.high_events, 59);
    }

    #[test]
    fn an_agent_just_below_the_throttle_is_not_throttled() {
        let mut scope = Scope::new();
        for ms in (0..60_000).step_by(1000) {
            assert_eq!(scope.idle_step(ms, 311), if ms == 0 { SET } else { None });
        }
    }

    /// Between the kill threshold and the point where the throttle counts as reached are 62M.
    #[test]
    fn a_slow_leak_is_not_released_before_its_kill_threshold() {
        let mut scope = Scope { limit: Bytes::gib(8), ..Scope::new() };
        let threshold = Thresholds::below_wall(scope.limit);
        let mut in_use = 7000;
        for ms in (0..120_000).step_by(100) {
            in_use += u64::from(ms % 500 == 0);
            if Bytes::mib(in_use) < threshold {
                assert_ne!(scope.idle_step(ms, in_use), Some(ThrottleOrder::GiveUp), "{in_use}");
            }
        }
    }

    #[test]
    fn an_agent_under_action_is_not_throttled() {
        let mut scope = Scope::new();
        let _ = scope.idle_step(0, 100);
        for ms in [100, 200, 300] {
            assert_eq!(scope.step(ms, 316, OngoingAction::This), Some(ThrottleOrder::Remove));
        }
        assert_eq!(scope.idle_step(400, 316), None, "the rest is above the throttle");
        assert_eq!(scope.idle_step(500, 100), SET);
        assert_eq!(scope.idle_step(600, 100), None);
    }

    #[test]
    fn an_agent_over_its_threshold_stays_throttled_during_another_action() {
        let mut scope = Scope { is_over_kill_threshold: true, ..Scope::new() };
        let _ = scope.idle_step(0, 100);
        for ms in (1000..20_000).step_by(1000) {
            assert_eq!(scope.step(ms, 316, OngoingAction::Other), None);
        }
        assert_eq!(scope.idle_step(20_000, 316), None);
        assert_eq!(scope.idle_step(24_000, 316), Some(ThrottleOrder::GiveUp));
    }

    #[test]
    fn an_agent_below_its_threshold_never_waits_for_another_action() {
        let mut scope = Scope::new();
        let _ = scope.idle_step(0, 100);
        assert_eq!(scope.step(1000, 316, OngoingAction::Other), None);
        assert_eq!(scope.step(3000, 316, OngoingAction::Other), None);
        assert_eq!(scope.step(5000, 316, OngoingAction::Other), Some(ThrottleOrder::GiveUp));
    }

    /// Samples come ten times a second, new `high` events less often.
    #[test]
    fn a_process_asleep_in_the_kernel_counts_as_throttled() {
        let mut scope = Scope::new();
        let _ = scope.idle_step(0, 100);
        let high = scope.high;
        let mut orders = Vec::new();
        for ms in (1000..=6000).step_by(100) {
            // The fixture counts an event only with a throttle.
            scope.high = high.filter(|_| ms % 2000 == 1000);
            let high_events = scope.high_events + u64::from(scope.high.is_some());
            let at = Boottime::new(Duration::from_millis(ms));
            let in_use = Bytes::mib(316);
            let input = ThrottleInput {
                at,
                limit: LIMIT,
                high,
                in_use,
                high_events,
                is_over_kill_threshold: false,
                action: OngoingAction::None,
            };
            scope.high_events = high_events;
            orders.extend(scope.policy.step(input).map(|order| (ms, order)));
        }
        assert_eq!(orders.first(), Some(&(5000, ThrottleOrder::GiveUp)));
    }

    #[test]
    fn another_limit_moves_the_throttle() {
        let mut scope = Scope::new();
        let _ = scope.idle_step(0, 100);
        scope.limit = Bytes::mib(160);
        assert_eq!(scope.idle_step(100, 100), Some(ThrottleOrder::Set(Bytes::kib(156 * 1024 + 256))));
        assert_eq!(scope.idle_step(200, 100), None);
    }

    #[test]
    fn a_foreign_value_of_memory_high_is_overwritten() {
        let mut scope = Scope::new();
        let _ = scope.idle_step(0, 100);
        scope.high = None;
        assert_eq!(scope.idle_step(500, 100), None, "the order may be under way");
        assert_eq!(scope.idle_step(1000, 100), SET);
        scope.high = Some(Bytes::mib(7));
        assert_eq!(scope.idle_step(1500, 100), None);
        assert_eq!(scope.idle_step(2000, 100), SET);
        let _ = scope.step(3000, 316, OngoingAction::This);
        scope.high = Some(Bytes::mib(7));
        assert_eq!(scope.idle_step(3100, 316), Some(ThrottleOrder::Remove), "removed stays removed");
        assert_eq!(scope.idle_step(3200, 316), None);
    }
}
