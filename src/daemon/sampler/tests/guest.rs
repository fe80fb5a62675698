//! What a glance reads.

use super::*;

/// A device that no machine has, so nothing is known of what it saves but what is assumed: half.
#[test]
fn swap_in_compressed_memory_is_room_by_what_it_saves() {
    let world = World::new();
    let swaps = "Filename Type Size Used Priority\n/dev/zram98765 partition 100 40 100\n";
    fs::write(world.dir.path().join("swaps"), swaps).unwrap();
    let guest = world.sampler().guest(clock::now()).unwrap();
    assert_eq!((guest.swap_free, guest.swap_room), (Bytes::kib(60), Bytes::kib(30)));
    let snapshot = world.sampler().sample().unwrap();
    assert_eq!(snapshot.guest.swap_room, Bytes::kib(30), "in a look as well");
}
