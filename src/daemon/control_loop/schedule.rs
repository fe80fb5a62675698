//! When the loop polls memory, when it takes a sample, and why.

use std::time::{Duration, Instant};

use super::waker::PendingWakeups;
use crate::api::status::SupervisorInfo;
use crate::model::Boottime;
use crate::policy::MemoryPoll;
use crate::sampler::ScanDepth;

/// Interval of routine samples: for new processes and for a followed status.
const ROUTINE_INTERVAL: Duration = Duration::from_secs(1);

/// Shortest interval between two reads of the last pid; polls may be more frequent. Below [`ROUTINE_INTERVAL`] because timers
/// are not exact.
const MIN_LAST_PID_INTERVAL: Duration = Duration::from_millis(900);

/// Minimum interval between samples that readers trigger, for all readers together.
pub(crate) const MIN_READER_INTERVAL: Duration = Duration::from_millis(250);

/// A sample delays the next one by its own duration, so that a guest with thousands of processes keeps its processors,
/// but never by more than this.
const MAX_BACKOFF: Duration = Duration::from_millis(250);

/// The same in a danger or an action: samples then take long because we wait for memory as well.
const MAX_BACKOFF_URGENT: Duration = Duration::from_millis(20);

/// Delay after a failed iteration.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// A wakeup later than this counts as late. Timers round up to a millisecond, and a busy guest with two processors delays a
/// thread by one or two time slices; neither matters.
const LATE_WAKEUP: Duration = Duration::from_millis(100);

/// Why a sample is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleTrigger {
    /// A PSI or cgroup alarm of the kernel, or the last iteration failed.
    Alarm,
    /// A reader of the status.
    Reader,
    /// Memory use changes.
    Memory,
    /// The interval that the policy chose has passed.
    Interval,
    /// A process has started, or a young one may still become an agent.
    NewProcesses,
}

impl SampleTrigger {
    /// How thoroughly to scan. An incremental scan misses changes that affect neither a pid nor a counter. That matters when memory
    /// use changes, when a reader waits, and during an action (`is_acting`): a guest with hundreds of busy processes may take longer
    /// to fork than its last pid is current, and a process that was not seen is not killed.
    pub(super) fn scan_depth(self, is_acting: bool) -> ScanDepth {
        match self {
            Self::Interval | Self::NewProcesses if !is_acting => ScanDepth::Incremental,
            _ => ScanDepth::Full,
        }
    }
}

/// Triggers of a sample from outside the policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// Alarms since the last poll.
    pub(super) wakeups: PendingWakeups,
    /// A reader waits for a newer status.
    pub(super) is_sample_requested: bool,
    /// A client follows the status.
    pub(super) is_followed: bool,
    /// When the published sample began.
    pub(super) published_at: Instant,
}

/// Times that the next iteration depends on.
#[derive(Debug)]
pub(crate) struct Schedule {
    last_sample: Instant,
    /// No sample begins before.
    earliest_next: Instant,
    last_pid_check: Boottime,
    is_failing: bool,
}

impl Schedule {
    pub(crate) fn new(now: Instant) -> Self {
        Self { last_sample: now, earliest_next: now, last_pid_check: Boottime::default(), is_failing: false }
    }

    /// Whether, and why, this iteration takes a sample. After a failure it always does: memory polls alone must
    /// not hide that the loop no longer sees any agent.
    pub(super) fn trigger(
        &mut self,
        started: Instant,
        now: Boottime,
        poll: MemoryPoll,
        demand: Demand,
        has_new_pids: impl FnOnce() -> bool,
    ) -> Option<SampleTrigger> {
        let since = started - self.last_sample;
        let is_sample_requested =
            demand.is_sample_requested && started >= self.next_for_readers(demand.published_at);
        let is_followed = demand.is_followed && (poll.sample_due || since >= ROUTINE_INTERVAL);
        if demand.wakeups.any() || self.is_failing {
            Some(SampleTrigger::Alarm)
        } else if is_sample_requested || is_followed {
            Some(SampleTrigger::Reader)
        } else if poll.memory_changed {
            Some(SampleTrigger::Memory)
        } else if poll.sample_due {
            Some(SampleTrigger::Interval)
        } else if since >= ROUTINE_INTERVAL && now.since(self.last_pid_check) >= MIN_LAST_PID_INTERVAL {
            self.last_pid_check = now;
            has_new_pids().then_some(SampleTrigger::NewProcesses)
        } else {
            None
        }
    }

    /// Notes that a sample begins.
    pub(super) fn start_sample(&mut self, started: Instant) {
        self.last_sample = started;
    }

    /// Delay to the next poll if this iteration took no sample. `is_awaited`: see [`Self::after_sample`].
    pub(super) fn without_sample(
        &self,
        started: Instant,
        now: Boottime,
        poll: MemoryPoll,
        is_awaited: bool,
    ) -> Duration {
        let since = (started - self.last_sample).min(now.since(self.last_pid_check));
        sooner(poll.next_poll, ROUTINE_INTERVAL.saturating_sub(since), is_awaited)
    }

    /// Delay to the next poll after a sample: that of the policy, or less if a follower or a young process awaits the next sample
    /// (`is_awaited`), which the policy does not know.
    pub(super) fn after_sample(next: Duration, is_awaited: bool) -> Duration {
        sooner(next, ROUTINE_INTERVAL, is_awaited)
    }

    /// Delays the next sample if the iteration that began at `started` took one.
    pub(super) fn back_off(&mut self, started: Instant, is_urgent: bool) {
        if self.last_sample == started {
            let max = if is_urgent { MAX_BACKOFF_URGENT } else { MAX_BACKOFF };
            self.earliest_next = Instant::now() + started.elapsed().min(max);
        }
    }

    /// Notes a failed iteration. Returns whether the one before succeeded.
    pub(super) fn fail(&mut self) -> bool {
        !std::mem::replace(&mut self.is_failing, true)
    }

    /// Notes an iteration that succeeded.
    pub(super) fn succeed(&mut self) {
        self.is_failing = false;
    }

    /// Whether the last iteration failed.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Delay after a failed iteration: long enough not to spin.
    pub(super) fn retry_delay() -> Duration {
        RETRY_DELAY
    }

    /// When the next iteration begins: as planned, at once for an alarm, soon for a reader; never before the backoff is over.
    pub(super) fn wake_at(
        &self,
        planned: Instant,
        is_alarmed: bool,
        is_sample_requested: bool,
        published_at: Instant,
    ) -> Instant {
        let due = planned.max(self.earliest_next);
        if is_alarmed {
            self.earliest_next
        } else if is_sample_requested {
            self.earliest_next.max(self.next_for_readers(published_at)).min(due)
        } else {
            due
        }
    }

    /// When a reader may trigger the next sample. An unpublished sample served no reader; a failed one may have been
    /// for a reader.
    fn next_for_readers(&self, published_at: Instant) -> Instant {
        let last = if self.is_failing { self.last_sample } else { published_at };
        last + MIN_READER_INTERVAL
    }
}

fn sooner(next: Duration, routine: Duration, is_awaited: bool) -> Duration {
    if is_awaited && routine > Duration::ZERO { next.min(routine) } else { next }
}

/// Counts a wakeup that came late. Both clocks stop while the guest is suspended (`CLOCK_MONOTONIC`), so a resume
/// is not late. Under memory pressure the loop itself waits for memory, which shows here.
pub(super) fn record_wakeup_latency(counters: &mut SupervisorInfo, planned: Instant, now: Instant) {
    let late = now.saturating_duration_since(planned);
    if late > LATE_WAKEUP {
        counters.late_wakeups += 1;
        counters.max_late_usec =
            counters.max_late_usec.max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schedule that took a sample at its start, and a poll that requires nothing.
    struct World {
        start: Instant,
        schedule: Schedule,
        poll: MemoryPoll,
        demand: Demand,
    }

    impl World {
        fn new() -> Self {
            let start = Instant::now();
            let poll =
                MemoryPoll { sample_due: false, memory_changed: false, next_poll: Duration::from_secs(5) };
            let wakeups = PendingWakeups::default();
            let demand =
                Demand { wakeups, is_sample_requested: false, is_followed: false, published_at: start };
            Self { start, schedule: Schedule::new(start), poll, demand }
        }

        /// The trigger at `ms` after the start.
        fn trigger(&mut self, ms: u64, has_new_pids: bool) -> Option<SampleTrigger> {
            let after = Duration::from_millis(ms);
            let now = Boottime::new(Duration::from_secs(100) + after);
            self.schedule.trigger(self.start + after, now, self.poll, self.demand, || has_new_pids)
        }
    }

    #[test]
    fn nothing_triggers_a_sample_without_a_reason() {
        assert_eq!(World::new().trigger(5000, false), None);
    }

    #[test]
    fn new_processes_trigger_a_sample_once_a_second_at_most() {
        let mut world = World::new();
        assert_eq!(world.trigger(500, true), None);
        assert_eq!(world.trigger(1000, true), Some(SampleTrigger::NewProcesses));
        assert_eq!(world.trigger(1500, true), None, "checked 0.5 s ago");
        assert_eq!(world.trigger(2000, true), Some(SampleTrigger::NewProcesses));
    }

    #[test]
    fn the_most_urgent_reason_is_named() {
        let mut world = World::new();
        world.poll.sample_due = true;
        assert_eq!(world.trigger(10, true), Some(SampleTrigger::Interval));
        world.poll.memory_changed = true;
        assert_eq!(world.trigger(10, true), Some(SampleTrigger::Memory));
        world.demand.is_sample_requested = true;
        assert_eq!(world.trigger(10, true), Some(SampleTrigger::Memory), "a reader waits for its interval");
        assert_eq!(world.trigger(250, true), Some(SampleTrigger::Reader));
        world.demand.wakeups.pressure = 1;
        assert_eq!(world.trigger(250, true), Some(SampleTrigger::Alarm));
    }

    #[test]
    fn a_failed_iteration_is_followed_by_a_sample() {
        let mut world = World::new();
        assert!(world.schedule.fail());
        assert!(!world.schedule.fail(), "reported once for a row of failures");
        assert_eq!(world.trigger(10, false), Some(SampleTrigger::Alarm));
        world.schedule.succeed();
        assert_eq!(world.trigger(10, false), None);
    }

    #[test]
    fn a_follower_gets_a_sample_each_second() {
        let mut world = World::new();
        world.demand.is_followed = true;
        assert_eq!(world.trigger(900, false), None);
        assert_eq!(world.trigger(1000, false), Some(SampleTrigger::Reader));
        assert_eq!(Schedule::after_sample(Duration::from_secs(5), true), ROUTINE_INTERVAL);
        assert_eq!(Schedule::after_sample(Duration::from_secs(5), false), Duration::from_secs(5));
        assert_eq!(Schedule::after_sample(Duration::from_millis(100), true), Duration::from_millis(100));
    }

    #[test]
    fn an_alarm_ends_the_sleep_and_a_reader_shortens_it() {
        let world = World::new();
        let (start, planned) = (world.start, world.start + Duration::from_secs(5));
        assert_eq!(world.schedule.wake_at(planned, false, false, start), planned);
        assert_eq!(world.schedule.wake_at(planned, true, true, start), start);
        assert_eq!(world.schedule.wake_at(planned, false, true, start), start + MIN_READER_INTERVAL);
        assert_eq!(world.schedule.wake_at(start, false, true, start), start, "never later than planned");
    }

    #[test]
    fn scans_are_full_unless_the_guest_is_calm() {
        use SampleTrigger::{Alarm, Interval, Memory, NewProcesses, Reader};
        let depths = |triggers: &[SampleTrigger], is_acting| -> Vec<ScanDepth> {
            triggers.iter().map(|trigger| trigger.scan_depth(is_acting)).collect()
        };
        assert_eq!(depths(&[Interval, NewProcesses], false), [ScanDepth::Incremental; 2]);
        assert_eq!(depths(&[Memory, Alarm, Reader], false), [ScanDepth::Full; 3]);
        assert_eq!(depths(&[Interval, NewProcesses], true), [ScanDepth::Full; 2]);
    }

    #[test]
    fn only_clearly_late_wakeups_count_and_the_worst_is_kept() {
        let planned = Instant::now();
        let mut counters = SupervisorInfo::default();
        for late in [0, 1, 100] {
            record_wakeup_latency(&mut counters, planned, planned + Duration::from_millis(late));
        }
        // Early: something woke the loop.
        record_wakeup_latency(&mut counters, planned + Duration::from_secs(5), planned);
        assert_eq!(counters, SupervisorInfo::default());
        for late in [101, 240, 150] {
            record_wakeup_latency(&mut counters, planned, planned + Duration::from_millis(late));
        }
        assert_eq!((counters.late_wakeups, counters.max_late_usec), (3, 240_000));
    }
}
