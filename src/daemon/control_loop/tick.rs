//! When there is more to do than to read the guest's memory.

use std::time::{Duration, Instant};

use super::{LONGEST_REST, LONGEST_REST_IN_HURRY, STIRRED, Supervisor};
use crate::daemon::control_loop::trigger::{SOON, SampleTrigger};
use crate::daemon::control_loop::waker::PendingWakeups;
use crate::linux::clock;
use crate::linux::procfs::ReadError;
use crate::model::Boottime;
use crate::policy::MemoryPoll;

impl Supervisor {
    /// Reads the guest's memory, and looks at everything where there is an occasion. After a failure there always is:
    /// glances alone must not make a loop look alive that sees no agent any more.
    pub(crate) fn glance(&mut self, begun: Instant) -> Result<Duration, ReadError> {
        let at = clock::now();
        let guest = self.sampler.poll_memory(at)?;
        self.info.glances += 1;
        let glance = self.engine.poll_memory(at, &guest);
        let rings = self.calls.take_alarms();
        self.info.woken_by_pressure += rings.pressure;
        self.info.woken_by_cgroups += rings.cgroups;
        let since = begun - self.looked;
        let Some(occasion) = self.occasion(at, begun, glance, rings) else {
            return Ok(self.sooner(since.min(at.since(self.stirred)), glance.next_poll));
        };
        if occasion == SampleTrigger::Newcomers && !self.sampler.scan_new_processes(at)? {
            return Ok(self.sooner(Duration::ZERO, glance.next_poll));
        }
        let asked = self.calls.take_asked();
        self.looked = begun;
        let mut reloaded = Vec::new();
        while let Some(request) = self.inbox.next() {
            reloaded.extend(self.take_up(request, guest.mem_total));
        }
        let told = asked || !reloaded.is_empty() || self.publisher.is_followed();
        let seen = self.sampler.sample(at, guest, occasion.scan_depth(self.engine.action_target().is_some()));
        self.info.looks += u64::from(seen.is_ok());
        let next = seen.map(|snapshot| self.decide(snapshot, told));
        for (asked, notes) in reloaded {
            // Whoever asked may have left.
            let _ = asked.send(notes);
        }
        let hurry = self.engine.danger().is_some() || self.engine.action_target().is_some();
        let most = if hurry { LONGEST_REST_IN_HURRY } else { LONGEST_REST };
        self.rested = Instant::now() + begun.elapsed().min(most);
        Ok(self.sooner(Duration::ZERO, next?))
    }

    fn occasion(
        &mut self,
        at: Boottime,
        begun: Instant,
        glance: MemoryPoll,
        rings: PendingWakeups,
    ) -> Option<SampleTrigger> {
        let since = begun - self.looked;
        let asked = self.calls.is_asked() && begun >= self.spaced();
        let followed = self.publisher.is_followed() && (glance.sample_due || since >= SOON);
        if rings.any() || self.failing {
            Some(SampleTrigger::Alarm)
        } else if asked || followed {
            Some(SampleTrigger::Reader)
        } else if glance.memory_changed {
            Some(SampleTrigger::Memory)
        } else if glance.sample_due {
            Some(SampleTrigger::Round)
        } else {
            self.stirs(at, since).then_some(SampleTrigger::Newcomers)
        }
    }

    /// Whether newcomers are to be looked at; asked once a second at most.
    fn stirs(&mut self, at: Boottime, since: Duration) -> bool {
        if since < SOON || at.since(self.stirred) < STIRRED {
            return false;
        }
        self.stirred = at;
        self.sampler.has_new_pids(at)
    }

    /// `next`, or sooner where a look is due before by what the policy cannot know.
    fn sooner(&self, since: Duration, next: Duration) -> Duration {
        let soon = SOON.saturating_sub(since);
        let waited_for = || self.publisher.is_followed() || self.sampler.has_young_processes();
        if soon > Duration::ZERO && soon < next && waited_for() { soon } else { next }
    }
}
