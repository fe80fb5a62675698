//! `/proc/PID/status`, parsed from bytes: the `Name:` line may be no UTF-8.

use super::colon_pairs::{number, pairs};
use crate::model::{Bytes, Charge, Pid, Uid};

/// The lines of one `status` file that we use (`proc_pid_status(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStatus {
    /// `Tgid`: the process; another than the requested pid if that is a thread, which has a folder in `/proc` but is not
    /// listed there. `None` if the text does not say.
    pub tgid: Option<Pid>,
    /// Real user id.
    pub uid: Uid,
    /// Effective, saved and file system user id; the real one where the text has fewer.
    pub other_uids: [Uid; 3],
    /// The number of pids in `NSpid`: one in the pid namespace of this tree and one in each namespace below. 0 on a
    /// kernel that does not say.
    pub pid_depth: usize,
    /// `RssAnon`, `RssShmem`, `VmSwap`, and `HugetlbPages` as anonymous: those come from a pool, but belong to the
    /// process that maps them. `None` for a kernel thread or a process that has given its memory back.
    pub charge: Option<Charge>,
}

impl ProcessStatus {
    /// Parses the text of a `status` file; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (mut uids, mut anon, mut shmem, mut swap) = (None, None, None, None);
        let (mut tgid, mut pid_depth, mut huge) = (None, 0, Bytes::ZERO);
        let kib = |value| number(value).map(Bytes::kib);
        // The kernel escapes a newline within a name, so each line is the kernel's own.
        for (key, value) in pairs(text) {
            match key {
                b"Tgid" => tgid = number(value).and_then(|n| i32::try_from(n).ok()).and_then(Pid::new),
                b"Uid" => uids = parse_uids(value),
                b"NSpid" => pid_depth = words(value).count(),
                b"RssAnon" => anon = kib(value),
                b"RssShmem" => shmem = kib(value),
                b"HugetlbPages" => huge = kib(value).unwrap_or_default(),
                b"VmSwap" => swap = kib(value),
                _ => {}
            }
        }
        let charge = anon.map(|anon| Charge {
            anon: anon + huge,
            shmem: shmem.unwrap_or_default(),
            swap: swap.unwrap_or_default(),
        });
        let (uid, other_uids) = uids?;
        Some(Self { tgid, uid, other_uids, pid_depth, charge })
    }

    /// Whether its user ids differ: a setuid program.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.other_uids.iter().any(|uid| *uid != self.uid)
    }

    /// Whether the process is in the pid namespace of this tree, so that both use the same pids.
    #[must_use]
    pub fn shares_pids(&self) -> bool {
        self.pid_depth <= 1
    }
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The real id, and the other three.
fn parse_uids(value: &[u8]) -> Option<(Uid, [Uid; 3])> {
    let parse = |word: &[u8]| std::str::from_utf8(word).ok()?.parse().ok().map(Uid::new);
    let mut words = words(value);
    let real = parse(words.next()?)?;
    let mut others = [real; 3];
    for (uid, word) in others.iter_mut().zip(words) {
        *uid = parse(word)?;
    }
    Some((real, others))
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
        let status = ProcessStatus::parse(&text).unwrap();
        assert_eq!((status.tgid, status.uid), (Pid::new(77), Uid::new(1000)));
        let charge = status.charge.unwrap();
        assert_eq!(
            (charge.anon, charge.shmem, charge.swap),
            (Bytes::kib(2168), Bytes::kib(40), Bytes::kib(7))
        );
    }

    #[test]
    fn a_kernel_thread_has_no_charge() {
        assert_eq!(ProcessStatus::parse(b"Name:\tkthreadd\nUid:\t0\t0\t0\t0\n").unwrap().charge, None);
        assert_eq!(ProcessStatus::parse(b""), None);
    }

    #[test]
    fn a_setuid_program_is_privileged() {
        let privileged =
            |text: &str| ProcessStatus::parse(text.as_bytes()).map(|status| status.is_privileged());
        assert_eq!(privileged("Name:\tx\nTgid:\t7\nUid:\t1000\t1000\t1000\t1000\n"), Some(false));
        assert_eq!(privileged("Name:\tx\nTgid:\t5\nUid:\t1000\t0\t0\t0\n"), Some(true));
        assert_eq!(privileged("Uid:\t1000\t1000\t1000\t0\n"), Some(true));
        assert_eq!(privileged("Uid:\t1000\n"), Some(false));
        assert_eq!(privileged("Uid:\t1000\tx\n"), None);
    }

    #[test]
    fn a_process_of_another_pid_namespace_has_several_pids() {
        let depth = |text: &[u8]| {
            let text = [text, b"Uid:\t1\t2\t3\t4\n"].concat();
            let status = ProcessStatus::parse(&text).unwrap();
            (status.pid_depth, status.shares_pids())
        };
        assert_eq!(depth(b"Name:\tx\nNSpid:\t4711\t17\nNSpgid:\t4711\t17\n"), (2, false));
        assert_eq!(depth(b"NSpid:\t4711\n"), (1, true));
        assert_eq!(depth(b"NSpid:\n"), (0, true));
        assert_eq!(depth(b""), (0, true), "a kernel that does not say");
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>, uids in "Uid:[\t 0-9]{0,30}\n(Tgid:[\t 0-9-]{0,20}\n)?") {
            let _ = ProcessStatus::parse(&text);
            let _ = ProcessStatus::parse(uids.as_bytes());
        }

        #[test]
        fn a_text_without_uids_is_refused(text in "([A-TV-Za-z]{1,8}:\t[0-9]{1,9} kB\n){0,8}") {
            proptest::prop_assert_eq!(ProcessStatus::parse(text.as_bytes()), None);
        }
    }
}
