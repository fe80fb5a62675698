//! The lines of `/proc/PID/status` that we use, from bytes: the `Name:` line may be no UTF-8.

use super::colon_pairs;
use crate::model::{Bytes, Charge, Pid, Uid};

/// What one `status` file says (`proc_pid_status(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The process that it is of; another than the one asked for where that is a thread, which `/proc` has a folder for
    /// and does not list. `None` where the text does not say.
    pub process: Option<Pid>,
    /// Real user id.
    pub uid: Uid,
    /// `RssAnon`, `RssShmem`, `VmSwap`, and `HugetlbPages` as anonymous: they come from a pool, but whoever maps them
    /// holds them. `None` for a kernel thread or a process that has given its memory back.
    pub charge: Option<Charge>,
}

impl Status {
    /// Reads the text of a `status` file; `None` where it is not one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (mut uid, mut anon, mut shmem, mut swap) = (None, None, None, None);
        let (mut process, mut huge) = (None, Bytes::ZERO);
        // The kernel escapes a newline within a name, so each line is the kernel's own.
        for (key, number) in colon_pairs::numbers(text) {
            match key {
                b"Tgid" => process = i32::try_from(number).ok().and_then(Pid::new),
                b"Uid" => uid = u32::try_from(number).ok().map(Uid::new),
                b"RssAnon" => anon = Some(Bytes::kib(number)),
                b"RssShmem" => shmem = Some(Bytes::kib(number)),
                b"HugetlbPages" => huge = Bytes::kib(number),
                b"VmSwap" => swap = Some(Bytes::kib(number)),
                _ => {}
            }
        }
        let charge = anon.map(|anon| Charge {
            anon: anon + huge,
            shmem: shmem.unwrap_or_default(),
            swap: swap.unwrap_or_default(),
        });
        Some(Self { process, uid: uid?, charge })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_owner_are_read_whatever_the_name_is() {
        let mut text =
            b"Name:\t\xff\xfeRssAnon: 1 kB\\n\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t77\nUid:\t1000\t0\t0\t0\n"
                .to_vec();
        text.extend(b"VmRSS:\t  300 kB\nRssAnon:\t     120 kB\nRssFile:\t  60 kB\nRssShmem:\t  40 kB\nVmSwap:\t  7 kB\nHugetlbPages:\t 2048 kB\n");
        let status = Status::parse(&text).unwrap();
        assert_eq!((status.process, status.uid), (Pid::new(77), Uid::new(1000)));
        let charge = status.charge.unwrap();
        assert_eq!(
            (charge.anon, charge.shmem, charge.swap),
            (Bytes::kib(2168), Bytes::kib(40), Bytes::kib(7))
        );
    }

    #[test]
    fn a_kernel_thread_has_no_charge() {
        assert_eq!(Status::parse(b"Name:\tkthreadd\nUid:\t0\t0\t0\t0\n").unwrap().charge, None);
        assert_eq!(Status::parse(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_refused_not_fatal(text: Vec<u8>) {
            let _ = Status::parse(&text);
        }
    }
}
