//! The cost of sampling one process, file by file.

use std::path::{Path, PathBuf};
use std::process::Child;

use crate::group::mount;
use crate::meter::{median, row, skipped};
use crate::methods::children_of;
use crate::reader::Reader;
use crate::subjects::start;

const ROUNDS: usize = 200;
const FILES: [&[&str]; 11] = [
    &["stat"],
    &["statm"],
    &["status"],
    &["stat", "status"],
    &["stat", "statm"],
    &["cmdline"],
    &["environ"],
    &["cgroup"],
    &["comm"],
    &["oom_score_adj"],
    &["smaps_rollup"],
];

/// Every file of several processes.
pub(crate) fn all() {
    subject("a process of 12 threads and hardly any memory", start(&["threads"]));
    subject("a process of 1 GiB in small pages", start(&["hold", "1024", "small"]));
    subject("a process of 1 GiB in huge pages", start(&["hold", "1024", "huge"]));
    println!("\na cgroup (version 2)");
    match own_group() {
        Some(folder) => group(&folder),
        None => skipped("memory.stat", "no cgroup of ours has the memory controller of version 2"),
    }
}

fn group(folder: &Path) {
    let mut reader = Reader::new();
    for name in ["memory.stat", "memory.current", "memory.swap.current", "cgroup.procs"] {
        let path = folder.join(name).to_string_lossy().into_owned();
        if reader.whole(&path).is_none() {
            skipped(&path, "not readable");
            continue;
        }
        reader.take_calls();
        let read = || {
            reader.whole(&path);
            reader.take_calls()
        };
        row(&path, median(ROUNDS, || {}, read));
    }
}

fn subject(name: &str, mut child: Child) {
    println!("\n{name}");
    let pid = child.id().to_string();
    let mut reader = Reader::new();
    for names in FILES {
        let rounds = if names[0] == "smaps_rollup" { 20 } else { ROUNDS };
        let paths: Vec<String> = names.iter().map(|name| format!("{pid}/{name}")).collect();
        let whole = median(
            rounds,
            || {},
            || {
                for path in &paths {
                    reader.whole(path);
                }
                reader.take_calls()
            },
        );
        row(&names.join(" and "), whole);
    }
    for name in ["stat", "status"] {
        let path = format!("{pid}/{name}");
        row(
            &format!("{name}, one read"),
            median(
                ROUNDS,
                || {},
                || {
                    reader.once(&path);
                    reader.take_calls()
                },
            ),
        );
        let file = reader.open(&path).unwrap();
        reader.take_calls();
        row(
            &format!("{name}, kept open"),
            median(
                ROUNDS,
                || {},
                || {
                    reader.again(&file);
                    reader.take_calls()
                },
            ),
        );
    }
    let exe = format!("/proc/{pid}/exe");
    row("exe", median(ROUNDS, || {}, || u64::from(std::fs::read_link(&exe).is_ok())));
    row(
        "children of each thread",
        median(
            ROUNDS,
            || {},
            || {
                children_of(&mut reader, &pid);
                reader.take_calls()
            },
        ),
    );
    let rollup = String::from_utf8_lossy(reader.whole(&format!("{pid}/smaps_rollup")).unwrap_or_default())
        .into_owned();
    for line in rollup.lines().filter(|line| line.starts_with("Rss:") || line.starts_with("AnonHuge")) {
        println!("  ({line})");
    }
    drop(child.stdin.take());
    let _ = child.wait();
}

/// The nearest cgroup above this process with memory accounting.
fn own_group() -> Option<PathBuf> {
    let home = mount()?;
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = home.join(own);
    path.ancestors()
        .take_while(|p| p.starts_with(&home))
        .find(|p| p.join("memory.stat").exists())
        .map(PathBuf::from)
}
