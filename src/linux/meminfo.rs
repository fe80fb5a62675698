//! The lines of `/proc/meminfo` that we use. A sandbox or container may leave out the rest (gVisor, lxcfs), which
//! the procfs crate takes for an error of the whole file.

use super::keyed;
use crate::model::{Bytes, Charge, Guest};

/// Reads the text of a `meminfo` file (`proc_meminfo(5)`); `None` where it names no total.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Guest> {
    let (mut total, mut free, mut available) = (None, None, None);
    let (mut anon, mut shmem, mut mapped) = (None, None, None);
    let mut huge = Bytes::ZERO;
    let (mut swap_total, mut swap_free) = (Bytes::ZERO, Bytes::ZERO);
    for (key, number) in keyed::numbers(text) {
        let bytes = Bytes::kib(number);
        match key {
            b"MemTotal" => total = Some(bytes),
            b"MemFree" => free = Some(bytes),
            b"MemAvailable" => available = Some(bytes),
            b"SwapTotal" => swap_total = bytes,
            b"SwapFree" => swap_free = bytes,
            b"AnonPages" => anon = Some(bytes),
            b"Hugetlb" => huge = bytes,
            b"Shmem" => shmem = Some(bytes),
            b"Mapped" => mapped = Some(bytes),
            _ => {}
        }
    }
    let mem_total = total.filter(|t| *t > Bytes::ZERO)?;
    let swap_free = swap_free.min(swap_total);
    // Unknown is no bound.
    let known = |bytes: Option<Bytes>| bytes.unwrap_or(Bytes::new(u64::MAX));
    Some(Guest {
        mem_total,
        mem_available: available.or(free)?.min(mem_total),
        swap_total,
        swap_free,
        swap_room: swap_free,
        held: Charge {
            anon: known(anon) + huge,
            // A file in a tmpfs is shmem that nobody needs to map.
            shmem: known(shmem).min(known(mapped)),
            swap: swap_total.saturating_sub(swap_free),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_are_enough() {
        let text = b"MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\nSwapTotal: 4 kB\nSwapFree: 3 kB\n";
        let guest = parse(text).unwrap();
        assert_eq!((guest.mem_total, guest.mem_available), (Bytes::mib(16), Bytes::mib(8)));
        assert_eq!((guest.swap_total, guest.swap_free), (Bytes::kib(4), Bytes::kib(3)));
        assert_eq!(guest.held.shmem, Bytes::new(u64::MAX), "no bound");
        assert_eq!(guest.held.swap, Bytes::kib(1));
    }

    #[test]
    fn pages_of_a_pool_can_be_held_too() {
        let guest = parse(b"MemTotal: 900 kB\nMemFree: 1 kB\nAnonPages: 100 kB\nHugetlb: 50 kB\n").unwrap();
        assert_eq!(guest.held.anon, Bytes::kib(150));
    }

    #[test]
    fn without_a_total_it_is_no_meminfo() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"MemTotal: 0 kB\nMemFree: 0 kB\n"), None);
        assert_eq!(parse(b"MemTotal: 5 kB\n"), None, "nor without what is left");
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_refused_not_fatal(text: Vec<u8>) {
            let _ = parse(&text);
        }
    }
}
