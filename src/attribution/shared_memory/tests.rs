use super::*;
use crate::model::Pid;

fn key(pid: i32) -> ProcessKey {
    ProcessKey { pid: Pid::new(pid).unwrap(), start_ticks: 1 }
}

fn anon(mib: u64) -> Charge {
    Charge { anon: Bytes::mib(mib), ..Charge::default() }
}

fn shmem(mib: u64) -> Charge {
    Charge { shmem: Bytes::mib(mib), ..Charge::default() }
}

/// One agent on a machine. Each test defines the private and shared pages of its members.
struct World {
    sharing: Sharing,
    at: Boottime,
    guest: SystemMemory,
    members: Vec<MemberMemory>,
}

impl World {
    fn new(held: Charge) -> Self {
        let guest =
            SystemMemory { mem_total: Bytes::gib(16), process_totals: held, ..SystemMemory::default() };
        Self { sharing: Sharing::default(), at: Boottime::default(), guest, members: Vec::new() }
    }

    fn member(mut self, pid: i32, exec_id: u64, charge: Charge) -> Self {
        self.add(pid, exec_id, charge);
        self
    }

    fn add(&mut self, pid: i32, exec_id: u64, charge: Charge) {
        self.members.push(MemberMemory { key: key(pid), exec_id, charge });
    }

    fn tick(&mut self) -> ChargeEstimate {
        self.at = self.at + Duration::from_millis(250);
        self.sharing.estimate(self.at, &self.guest, &self.members)
    }

    fn answer(&mut self, pid: i32, share: Charge) {
        self.answer_with(pid, share, Bytes::ZERO, Duration::from_millis(1));
    }

    /// A reading of the process as it is now.
    fn answer_with(&mut self, pid: i32, share: Charge, shmem_swap: Bytes, took: Duration) {
        let member = self.members.iter().find(|m| m.key == key(pid));
        let seen = member.map(|m| m.charge).unwrap_or_default();
        let reading = ShareReading { seen, totals: self.guest.process_totals, share, shmem_swap };
        self.sharing.record(self.at, key(pid), Some(reading), took);
    }

    fn total(&mut self) -> u64 {
        self.tick().total.total().get() >> 20
    }
}

#[test]
fn members_without_shared_memory_are_not_read() {
    let mut world =
        World::new(anon(900)).member(1, 7, anon(300)).member(2, 8, anon(200)).member(3, 0, anon(100));
    world.add(4, 0, anon(100));
    let estimate = world.tick();
    assert_eq!(estimate.total, anon(700));
    assert!(estimate.to_read.is_empty());
    assert_eq!(estimate.unverified, Bytes::ZERO);
}

#[test]
fn an_unmodified_fork_adds_no_charge() {
    let mut world = World::new(anon(1000)).member(1, 7, anon(300));
    assert_eq!(world.total(), 300);
    world.add(2, 7, anon(300));
    let estimate = world.tick();
    assert_eq!(estimate.total, anon(300), "before the first reading");
    assert_eq!(estimate.unverified, Bytes::ZERO);
    assert_eq!(estimate.to_read.len(), 2);
    world.answer(1, anon(150));
    assert_eq!(world.total(), 300, "an incomplete batch is not used");
    world.answer(2, anon(150));
    let estimate = world.tick();
    assert_eq!(estimate.total, anon(300));
    assert_eq!(estimate.charges, [anon(150), anon(150)]);
    world.members.remove(1);
    assert_eq!(world.total(), 300, "after one exits, all pages belong to the other");
}

#[test]
fn a_writing_fork_is_charged_machine_growth_until_verified() {
    let mut world = World::new(anon(1000)).member(1, 7, anon(300));
    world.tick();
    world.add(2, 7, anon(300));
    world.guest.process_totals = anon(1100);
    let estimate = world.tick();
    assert_eq!((estimate.total, estimate.unverified), (anon(400), Bytes::mib(100)));
    world.guest.process_totals = anon(1900);
    let estimate = world.tick();
    assert_eq!(
        (estimate.total, estimate.unverified),
        (anon(600), Bytes::mib(300)),
        "never more than all map"
    );
    world.answer(1, anon(300));
    world.answer(2, anon(300));
    let estimate = world.tick();
    assert_eq!((estimate.total, estimate.unverified), (anon(600), Bytes::ZERO));
}

#[test]
fn new_mappings_are_charged_to_their_member_at_once() {
    let mut world = World::new(anon(1000)).member(1, 7, anon(300)).member(2, 7, anon(300));
    world.tick();
    world.answer(1, anon(150));
    world.answer(2, anon(150));
    assert_eq!(world.total(), 300);
    world.members[1].charge = anon(500);
    world.guest.process_totals = anon(1200);
    let estimate = world.tick();
    assert_eq!((estimate.total, estimate.unverified), (anon(500), Bytes::ZERO));
    world.members[1].charge = anon(400);
    world.guest.process_totals = anon(1100);
    assert_eq!(world.total(), 400, "freed memory is subtracted");
}

#[test]
fn without_readings_members_are_charged_in_full() {
    let mut world = World::new(anon(1000)).member(1, 7, anon(300)).member(2, 7, anon(300));
    world.tick();
    world.sharing.record(world.at, key(1), None, Duration::ZERO);
    world.sharing.record(world.at, key(2), None, Duration::ZERO);
    assert_eq!(world.total(), 600);
    let mut world = World::new(anon(1000)).member(1, 7, anon(300)).member(2, 7, anon(300));
    assert_eq!(world.total(), 300);
    assert!(world.sharing.is_pending(key(1)));
    let mut ticks = 0;
    while world.total() != 600 {
        ticks += 1;
    }
    // Three attempts of one second each, and the intervals between them.
    assert!((10..20).contains(&ticks), "{ticks}");
}

/// A parent of 6 GB with 40 forked workers: the readings take 1.6 s, longer than the timeout for a single answer.
#[test]
fn a_slow_batch_is_awaited_while_answers_arrive() {
    let mut world = World::new(anon(13 << 10));
    for pid in 1..=41 {
        world.add(pid, 7, anon(6 << 10));
    }
    world.tick();
    for pid in 1..=41 {
        world.answer_with(pid, anon((6 << 10) / 41), Bytes::ZERO, Duration::from_millis(40));
        if pid % 5 == 0 {
            let estimate = world.tick();
            assert_eq!(estimate.total, anon(6 << 10), "after {pid}");
        }
    }
    assert_eq!(world.tick().total, anon(6 << 10));
    // The next batch stops half way: earlier readings remain in use.
    world.at = world.at + Duration::from_secs(100);
    assert_eq!(world.tick().to_read.len(), 41);
    world.answer(1, anon((6 << 10) / 41));
    for _ in 0..8 {
        assert_eq!(world.tick().total, anon(6 << 10));
    }
}

#[test]
fn an_exiting_member_makes_the_next_reading_urgent() {
    let mut world = World::new(anon(20 << 10)).member(1, 7, anon(7 << 10)).member(2, 7, anon(6 << 10));
    world.add(3, 7, anon(7 << 10));
    world.tick();
    for (pid, share) in [(1, 3500), (2, 6 << 10), (3, 3500)] {
        world.answer_with(pid, anon(share), Bytes::ZERO, Duration::from_millis(40));
    }
    for _ in 0..6 {
        world.tick();
    }
    world.members.remove(2);
    let requested = (0..6).any(|_| !world.tick().to_read.is_empty());
    assert!(requested, "1.5 s later at most, not after 6 s");
}

#[test]
fn a_process_is_charged_for_its_own_swapped_segments() {
    let mut world = World::new(Charge::default());
    for pid in 1..=9 {
        world.add(pid, 10 + u64::try_from(pid).unwrap(), shmem(8));
    }
    world.guest.swap_total = Bytes::gib(16);
    world.guest.swap_free = Bytes::gib(7);
    world.guest.process_totals = Charge { shmem: Bytes::mib(100), swap: Bytes::gib(9), ..Charge::default() };
    for key in world.tick().to_read {
        let own = if key.pid.get() == 1 { Bytes::gib(8) } else { Bytes::kib(4) };
        world.answer_with(key.pid.get(), shmem(8), own, Duration::ZERO);
    }
    assert!(world.tick().total.swap >= Bytes::gib(8));
}

#[test]
fn each_shared_segment_counts_once() {
    let mut world = World::new(shmem(900)).member(1, 7, shmem(300)).member(2, 8, shmem(300));
    world.tick();
    world.answer(1, shmem(150));
    world.answer(2, shmem(150));
    assert_eq!(world.total(), 300);
    // A segment that other processes map as well counts in full.
    let mut world = World::new(shmem(900)).member(1, 7, shmem(300)).member(2, 8, shmem(300));
    world.tick();
    world.answer(1, shmem(100));
    world.answer(2, shmem(100));
    assert_eq!(world.total(), 300);
    let mut world = World::new(shmem(900)).member(1, 7, shmem(300)).member(2, 8, shmem(300));
    world.tick();
    world.answer(1, shmem(300));
    world.answer(2, shmem(300));
    assert_eq!(world.total(), 600);
}

#[test]
fn a_swapped_out_segment_counts() {
    let mut world = World::new(shmem(900)).member(1, 7, shmem(300)).member(2, 8, shmem(300));
    world.guest.swap_total = Bytes::gib(1);
    world.guest.swap_free = Bytes::mib(1000);
    world.tick();
    world.answer(1, shmem(150));
    world.answer(2, shmem(150));
    assert_eq!(world.total(), 300);
    for member in &mut world.members {
        member.charge = shmem(100);
    }
    world.guest.process_totals =
        Charge { shmem: Bytes::mib(700), swap: Bytes::mib(200), ..Charge::default() };
    assert_eq!(world.total(), 300, "before the next reading");
    world.at = world.at + CALM_READ_INTERVAL;
    assert_eq!(world.tick().to_read.len(), 2);
    for pid in [1, 2] {
        world.answer_with(pid, shmem(50), Bytes::mib(200), Duration::ZERO);
    }
    assert_eq!(world.total(), 300);
}

#[test]
fn slow_readings_are_taken_less_often() {
    let mut world = World::new(anon(1000)).member(1, 7, anon(300)).member(2, 7, anon(300));
    let mut readings = 0;
    for _ in 0..400 {
        let requested = world.tick().to_read;
        readings += usize::from(!requested.is_empty());
        for key in requested {
            world.answer_with(key.pid.get(), anon(150), Bytes::ZERO, Duration::from_millis(50));
        }
    }
    // 100 s, of which 2 % may be spent on batches of 100 ms.
    assert!((15..=22).contains(&readings), "{readings}");
}

proptest::proptest! {
    /// After any sequence of forks, writes and exits, the total is at least the largest member and at most the sum of all.
    #[test]
    fn the_total_is_bounded(steps in proptest::collection::vec((0..6i32, 0..3u64, 0..500u64, 0..500u64, proptest::bool::ANY), 1..40)) {
        let mut world = World::new(anon(1000));
        for (pid, exec_id, private, shared, answers) in steps {
            world.members.retain(|m| m.key != key(pid + 1));
            if private > 50 {
                world.add(pid + 1, exec_id, anon(private) + shmem(shared));
            }
            world.guest.process_totals = anon(1000 + private) + shmem(shared);
            let estimate = world.tick();
            for key in estimate.to_read {
                if answers {
                    world.answer(key.pid.get(), anon(private / 3));
                }
            }
            let all: Charge = world.members.iter().map(|m| m.charge).sum();
            let one = world.members.iter().map(|m| m.charge.anon).max().unwrap_or_default();
            proptest::prop_assert!(estimate.total.total() <= all.total());
            proptest::prop_assert!(estimate.total.anon >= one);
            proptest::prop_assert!(estimate.unverified <= estimate.total.total());
            proptest::prop_assert_eq!(estimate.charges.len(), world.members.len());
        }
    }
}

/// The process grows between request and reading; the reading includes that growth.
#[test]
fn growth_during_a_reading_counts_once() {
    let mut world = World::new(shmem(900)).member(1, 7, shmem(200)).member(2, 8, shmem(200));
    world.tick();
    world.members[0].charge = shmem(340);
    world.guest.process_totals = shmem(1040);
    world.answer(1, shmem(240));
    world.answer(2, shmem(100));
    world.members[0].charge = shmem(400);
    world.guest.process_totals = shmem(1100);
    assert_eq!(world.total(), 400);
}
