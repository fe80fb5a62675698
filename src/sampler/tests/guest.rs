//! The memory poll.

use super::*;

/// No machine has this device: its ratio is unknown, so the default of 2:1 applies.
#[test]
fn zram_counts_as_headroom_by_its_savings() {
    let world = World::new();
    let swaps = "Filename Type Size Used Priority\n/dev/zram98765 partition 100 40 100\n";
    fs::write(world.dir.path().join("swaps"), swaps).unwrap();
    let guest = world.sampler().poll_memory(clock::now()).unwrap();
    assert_eq!((guest.swap_free, guest.swap_headroom), (Bytes::kib(60), Bytes::kib(30)));
    let snapshot = world.sampler().sample_now().unwrap();
    assert_eq!(snapshot.guest.swap_headroom, Bytes::kib(30), "in a sample as well");
}

/// The list costs more to read than all of `meminfo`.
#[test]
fn per_cpu_pages_are_read_when_memory_is_low() {
    let world = World::new();
    let zoneinfo = "Node 0, zone   Normal\n  pagesets\n    cpu: 0\n              count:    25600\n";
    fs::write(world.dir.path().join("zoneinfo"), zoneinfo).unwrap();
    let meminfo = fs::read_to_string(world.dir.path().join("meminfo")).unwrap();
    let mut sampler = world.sampler();
    let mut per_cpu = |available: u64| {
        let text = meminfo.replace("MemAvailable: 12000000", &format!("MemAvailable: {available}"));
        fs::write(world.dir.path().join("meminfo"), text).unwrap();
        sampler.poll_memory(clock::now()).unwrap().per_cpu
    };
    let pages = Bytes::new(25_600 * rustix::param::page_size() as u64);
    assert_eq!(
        (per_cpu(2_500_000), per_cpu(2_400_000)),
        (Bytes::ZERO, pages),
        "15 % of 16384000 kB are 2457600"
    );
}
