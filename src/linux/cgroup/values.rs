//! The formats of cgroup files (`Documentation/admin-guide/cgroup-v2.rst`, "Interface Files").

use crate::model::Bytes;

/// A file with one number, or the word `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// No limit.
    Max,
    /// Bytes, or a count.
    Number(u64),
}

impl Value {
    /// Parses the text of a file; `None` if it is neither.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        match text.trim_ascii() {
            b"max" => Some(Self::Max),
            digits => number(digits).map(Self::Number),
        }
    }

    /// `None` for [`Self::Max`].
    pub(crate) fn number(self) -> Option<u64> {
        match self {
            Self::Max => None,
            Self::Number(number) => Some(number),
        }
    }

    /// `None` for [`Self::Max`].
    pub(crate) fn bytes(self) -> Option<Bytes> {
        self.number().map(Bytes::new)
    }
}

/// A flat-keyed file, such as `memory.stat`: each key with its number. Lines of another form are skipped.
pub(super) fn flat_keyed(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    text.split(|&b| b == b'\n').filter_map(|line| {
        let space = line.iter().position(|&b| b == b' ')?;
        Some((&line[..space], number(&line[space + 1..])?))
    })
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// `memory.events`: how often an event happened in the cgroup and those below it. An event that the kernel does not
/// count stays 0; `low` does not concern us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventCounts {
    /// Over `memory.high`.
    pub(crate) high: u64,
    /// At `memory.max`.
    pub(crate) max: u64,
    /// At the limit, and nothing could be reclaimed.
    pub(crate) oom: u64,
    /// The kernel killed a process.
    pub(crate) oom_kill: u64,
}

impl EventCounts {
    /// Parses the text of the file.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let mut events = Self::default();
        for (key, number) in flat_keyed(text) {
            match key {
                b"high" => events.high = number,
                b"max" => events.max = number,
                b"oom" => events.oom = number,
                b"oom_kill" => events.oom_kill = number,
                _ => {}
            }
        }
        events
    }
}

/// `memory.stat`, as far as we use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MemoryStat {
    pub(super) anon: Bytes,
    pub(super) shmem: Bytes,
    /// Page cache, active and inactive. `file` counts shmem and locked pages too, which the kernel does not reclaim.
    pub(super) cache: Bytes,
}

impl MemoryStat {
    /// Parses the text of the file.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut stat = Self::default();
        for (key, number) in flat_keyed(text) {
            match key {
                b"anon" => stat.anon = Bytes::new(number),
                b"shmem" => stat.shmem = Bytes::new(number),
                b"active_file" | b"inactive_file" => stat.cache += Bytes::new(number),
                _ => {}
            }
        }
        stat
    }
}

/// `cpu.max`, a quota and its period in microseconds, as microseconds per second; `None` without a quota.
pub(super) fn parse_cpu_max(text: &[u8]) -> Option<u64> {
    let (quota, period) = std::str::from_utf8(text).ok()?.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    quota.checked_mul(1_000_000)?.checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_number_or_max() {
        assert_eq!(Value::parse(b"max\n"), Some(Value::Max));
        assert_eq!(Value::parse(b"4096\n"), Some(Value::Number(4096)));
        assert_eq!(Value::parse(b"4096").and_then(Value::bytes), Some(Bytes::kib(4)));
        assert_eq!(Value::Max.number(), None);
        for malformed in [&b""[..], b"\n", b"-1\n", b"4G\n", b"maximum\n", b"1 2\n", b"\xff\n"] {
            assert_eq!(Value::parse(malformed), None, "{}", malformed.escape_ascii());
        }
    }

    #[test]
    fn four_events_are_counted() {
        let text = b"low 9\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\nsock_throttled 6\n";
        assert_eq!(EventCounts::parse(text), EventCounts { high: 1, max: 2, oom: 3, oom_kill: 4 });
        for malformed in
            [&b""[..], b"high\n", b"high x\n", b"high  1\n", b"highest 1\n", b"\xff\n", b" high 1\n"]
        {
            assert_eq!(EventCounts::parse(malformed), EventCounts::default(), "{}", malformed.escape_ascii());
        }
    }

    #[test]
    fn the_cpu_quota_is_per_second() {
        assert_eq!(parse_cpu_max(b"150000 100000\n"), Some(1_500_000));
        assert_eq!(parse_cpu_max(b"max 100000\n"), None);
        assert_eq!(parse_cpu_max(b"1 0\n"), None, "no period");
    }

    proptest::proptest! {
        #[test]
        fn does_not_panic_on_garbage(text: Vec<u8>) {
            let _ = (EventCounts::parse(&text), MemoryStat::parse(&text), parse_cpu_max(&text));
        }

        #[test]
        fn only_max_and_numbers_are_values(text: Vec<u8>) {
            let digits = text.trim_ascii();
            let is_number = std::str::from_utf8(digits).is_ok_and(|text| text.parse::<u64>().is_ok());
            proptest::prop_assert_eq!(Value::parse(&text).is_some(), digits == b"max" || is_number);
        }
    }
}
