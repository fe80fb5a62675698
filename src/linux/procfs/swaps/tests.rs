use std::fs;

use super::*;

const HEADER: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

/// The files of a guest with swap.
struct World {
    dir: tempfile::TempDir,
    room: SwapRoom,
    now: u64,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { room: SwapRoom::new(dir.path(), dir.path()), dir, now: 100 }
    }

    /// `(name, size, used)` in MiB.
    fn areas(self, areas: &[(&str, u64, u64)]) -> Self {
        let line = |(name, size, used): &(&str, u64, u64)| {
            format!("{name}    partition\t{}\t\t{}\t\t-2\n", size << 10, used << 10)
        };
        let text = HEADER.to_owned() + &areas.iter().map(line).collect::<String>();
        fs::write(self.dir.path().join("swaps"), text).unwrap();
        self
    }

    fn zram(self, device: &str, stored: u64, taken: u64) -> Self {
        let folder = self.dir.path().join("block").join(device);
        fs::create_dir_all(&folder).unwrap();
        let text = format!("{} 1 {} 0 0 0 0 0 0\n", stored << 20, taken << 20);
        fs::write(folder.join("mm_stat"), text).unwrap();
        self
    }

    /// The headroom in MiB, one second after the last measurement.
    fn room(&mut self, total: u64, free: u64) -> u64 {
        self.measured(total, free).swap_headroom.get() >> 20
    }

    fn measured(&mut self, total: u64, free: u64) -> SystemMemory {
        self.now += 1;
        let at = Boottime::new(Duration::from_secs(self.now));
        let mut guest = SystemMemory {
            swap_total: Bytes::mib(total),
            swap_free: Bytes::mib(free),
            swap_headroom: Bytes::mib(free),
            ..SystemMemory::default()
        };
        self.room.measure(at, &mut guest);
        guest
    }
}

#[test]
fn the_memory_of_zram_is_known_once_pages_are_swapped() {
    let mut world =
        World::new().areas(&[("/dev/zram0", 1000, 400), ("/dev/sda2", 1000, 0)]).zram("zram0", 400, 100);
    assert_eq!(world.measured(2000, 2000).zram, Bytes::ZERO, "its pages are not swapped ones");
    assert_eq!(world.measured(2000, 1600).zram, Bytes::mib(100));
    assert_eq!(world.measured(2000, 1950).zram, Bytes::mib(50), "never more than was swapped out");
    assert_eq!(World::new().measured(2000, 1600).zram, Bytes::ZERO, "a disk");
}

#[test]
fn disk_headroom_is_its_free_space() {
    let mut world = World::new().areas(&[("/swap\\040file", 500, 0), ("/dev/sda2", 1500, 600)]);
    assert_eq!(world.room(2000, 1400), 1400);
    assert_eq!(world.room(2000, 7), 7, "the list is older than that");
}

#[test]
fn zram_headroom_is_its_savings() {
    let mut world = World::new().areas(&[("/dev/zram0", 4000, 0)]).zram("zram0", 100, 100);
    assert_eq!(world.room(4000, 4000), 2000, "no page is swapped out yet");
    assert_eq!(world.room(4000, 3900), 0, "the first pages are incompressible");
    let mut world = world.zram("zram0", 900, 300);
    assert_eq!(world.room(4000, 3000), 2000);
    assert_eq!(world.room(4000, 0), 0);
    fs::remove_dir_all(world.dir.path().join("block")).unwrap();
    assert_eq!(world.room(4000, 3000), 1500, "no sysfs: the default ratio");
}

#[test]
fn disk_and_zram_together() {
    let mut world =
        World::new().areas(&[("/dev/zram0", 1000, 400), ("/dev/sda2", 1000, 0)]).zram("zram0", 400, 100);
    assert_eq!(world.room(2000, 1600), 600 * 3 / 4 + 1000);
    let mut world = world.areas(&[("/dev/zram0", 1000, 1000), ("/dev/sda2", 1000, 100)]);
    assert_eq!(world.room(2000, 900), 900, "read again, since it moved");
}

#[test]
fn devices_share_new_pages_until_the_list_is_reread() {
    let mut world = World::new().areas(&[("/dev/zram0", 1000, 0), ("/dev/zram1", 1000, 0)]);
    let mut world = {
        assert_eq!(world.room(2000, 2000), 1000);
        world.zram("zram0", 500, 250).zram("zram1", 500, 500)
    };
    assert_eq!(world.room(2000, 1000), 250);
    world = world.areas(&[("/dev/zram0", 1000, 1000), ("/dev/zram1", 1000, 0)]);
    assert_eq!(world.room(2000, 1000), 250, "not read yet");
    world.now += 10;
    assert_eq!(world.room(2000, 1000), 0, "reread: only the device that saves nothing has space");
}

#[test]
fn a_new_total_is_a_new_list() {
    let mut world = World::new().areas(&[("/dev/zram0", 1000, 0)]);
    assert_eq!(world.room(1000, 1000), 500);
    let mut world = world.areas(&[("/dev/zram0", 1000, 0), ("/dev/sda2", 1000, 0)]);
    assert_eq!(world.room(2000, 2000), 1500);
    assert_eq!(world.room(0, 0), 0, "swapoff");
    let mut world = world.areas(&[("/dev/sda2", 2000, 0)]);
    assert_eq!(world.room(2000, 2000), 2000);
}

#[test]
fn without_a_usable_list_swap_counts_as_disk() {
    let mut world = World::new();
    assert_eq!(world.room(1000, 900), 900, "no list");
    for text in ["", HEADER, "\n\n", "/dev/zram0 partition\n", "/dev/zram0 partition x y -2\n"] {
        world.now += 10;
        fs::write(world.dir.path().join("swaps"), text).unwrap();
        assert_eq!(world.room(1000, 900), 900, "{text:?}");
    }
}

#[test]
fn headroom_never_exceeds_free_swap() {
    let mut world = World::new().areas(&[("/dev/zram0", 1 << 40, 0), ("/dev/sda2", 1 << 40, 0)]);
    assert!(world.room(1000, 900) <= 900);
    let mut world = World::new().areas(&[("/dev/zram0", 10, 1000), ("/dev/zram1", 10, 10)]);
    assert_eq!(world.room(1000, 900), 0, "all is used");
    fs::write(world.dir.path().join("swaps"), [b"/dev/zram0 \xff\xff 10 5 1\n".repeat(4000)].concat())
        .unwrap();
    world.now += 10;
    assert!(world.room(1000, 900) <= 900);
}

#[test]
fn without_swap_nothing_is_read() {
    let mut world = World::new().areas(&[("/dev/zram0", 1000, 0)]);
    assert_eq!(world.room(0, 0), 0);
    assert!(world.room.seen.is_none());
}
