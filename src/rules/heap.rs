//! Heap limit of a runtime: V8 aborts the process there, even if the machine has memory left.

use std::ffi::{OsStr, OsString};

use super::environment;
use crate::model::Bytes;

/// From this much memory on V8 uses the larger of its limits (`Heap::MaxOldGenerationSize`, v8/src/heap/heap.cc).
const LARGE_MEMORY: Bytes = Bytes::gib(15);

/// Options of `node` with a value that may be the next word, by `node --help` (20 and 24), without those that only start
/// tests.
const NODE_OPTIONS_WITH_VALUE: [&str; 38] = [
    "-C",
    "--conditions",
    "--cpu-prof-dir",
    "--cpu-prof-interval",
    "--cpu-prof-name",
    "--diagnostic-dir",
    "--disable-proto",
    "--disable-warning",
    "--dns-result-order",
    "--env-file",
    "--env-file-if-exists",
    "--experimental-loader",
    "--heap-prof-dir",
    "--heap-prof-interval",
    "--heap-prof-name",
    "--heapsnapshot-near-heap-limit",
    "--heapsnapshot-signal",
    "--icu-data-dir",
    "--import",
    "--input-type",
    "--inspect-port",
    "--loader",
    "--localstorage-file",
    "--max-http-header-size",
    "--network-family-autoselection-attempt-timeout",
    "--openssl-config",
    "--redirect-warnings",
    "--report-dir",
    "--report-directory",
    "--report-filename",
    "-r",
    "--require",
    "--secure-heap",
    "--secure-heap-min",
    "--title",
    "--trace-event-categories",
    "--unhandled-rejections",
    "--watch-path",
];

/// Whether a program of that name runs on V8 and obeys its options. Claude's own binary is Bun, which does not.
#[must_use]
pub fn has_heap_limit(program: &str) -> bool {
    matches!(program, "node" | "nodejs")
}

/// The limit without an option, with this much memory: half of it, at most 2 GiB, or 4 GiB on a large machine (4144 MiB by
/// `v8.getHeapStatistics()` of Node 20 in 23 GiB, 48 of which are the young generation's).
#[must_use]
pub fn default_heap_limit(memory: Bytes) -> Bytes {
    memory.share(1, 2).min(if memory >= LARGE_MEMORY { Bytes::gib(4) } else { Bytes::gib(2) })
}

/// The limit in `node`'s arguments. Arguments after the script are the script's.
#[must_use]
pub fn heap_limit_of(argv: &[OsString]) -> Option<Bytes> {
    let mut options = argv.iter().skip(1).map(|word| word.to_str().unwrap_or_default());
    let mut found = None;
    while let Some(word) = options.next() {
        if !word.starts_with('-') || word == "--" || word == "-" {
            break;
        }
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        // V8 accepts `_` for `-` in its options, and a value after `=` or as the next word.
        if name.replace('_', "-") == "--max-old-space-size" {
            found = value.or_else(|| options.next()).and_then(mebibytes);
        } else if value.is_none() && NODE_OPTIONS_WITH_VALUE.contains(&name) {
            options.next();
        }
    }
    found
}

/// The limit in the environment (`NODE_OPTIONS`), by the values of [`environment::VARIABLES`].
#[must_use]
pub fn heap_limit_in(values: &[Option<OsString>]) -> Option<Bytes> {
    let options = environment::value(values, "NODE_OPTIONS").and_then(OsStr::to_str)?;
    let mut words = vec![OsString::new()];
    words.extend(options.split_whitespace().map(OsString::from));
    heap_limit_of(&words)
}

/// 0 is no limit: V8 treats it as unset.
fn mebibytes(value: &str) -> Option<Bytes> {
    value.parse::<u64>().ok().filter(|mib| *mib > 0).map(|mib| Bytes::new(mib.saturating_mul(1 << 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> Option<u64> {
        let argv: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        heap_limit_of(&argv).map(|limit| limit.get() >> 20)
    }

    #[test]
    fn the_last_option_before_the_script_applies() {
        assert_eq!(of("node --max-old-space-size=8192 a.js"), Some(8192));
        assert_eq!(of("node --max_old_space_size 512 a.js"), Some(512));
        assert_eq!(of("node --no-warnings --max-old-space-size=1 --max-old-space-size=2 a.js"), Some(2));
        assert_eq!(of("node -r dotenv/config --max-old-space-size=8192 a.js"), Some(8192));
        assert_eq!(of("node --import=x --title agent --max-old-space-size=8192 a.js"), Some(8192));
        assert_eq!(of("node --require a.js b.js --max-old-space-size=8192"), None);
        assert_eq!(of("node a.js --max-old-space-size=8192"), None, "that is the script's");
        assert_eq!(of("node --max-old-space-size=0 a.js"), None);
        assert_eq!(of("node --max-old-space-size=much a.js"), None);
        assert_eq!(of("node --max-old-space-size"), None);
        assert_eq!(of("node --max-semi-space-size=16 a.js"), None);
        assert_eq!(heap_limit_of(&[]), None);
        assert_eq!(heap_limit_of(&["node".into(), "--max-old-space-size=18446744073709551615".into()]), {
            Some(Bytes::new(u64::MAX))
        });
    }

    #[test]
    fn the_limit_is_read_from_node_options() {
        let with = |options: &str| {
            let of = |name: &&str| (*name == "NODE_OPTIONS").then(|| OsString::from(options));
            let values: Vec<_> = environment::VARIABLES.iter().map(of).collect();
            heap_limit_in(&values).map(|limit| limit.get() >> 20)
        };
        assert_eq!(with("--enable-source-maps  --max-old-space-size=3000"), Some(3000));
        assert_eq!(with(""), None);
        assert_eq!(heap_limit_in(&[]), None);
    }

    #[test]
    fn the_default_limit_depends_on_memory() {
        let default = |gib| default_heap_limit(Bytes::gib(gib)).get() >> 20;
        assert_eq!([1, 2, 8, 14, 16, 24].map(default), [512, 1024, 2048, 2048, 4096, 4096]);
    }
}
