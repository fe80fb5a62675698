//! The cost of detecting new processes, by each available method; and the cost of sampling one process.
//!
//!     cargo bench --bench newcomers -- [PROCESSES] [quiet|storm|race|files]…
//!
//! By default 300 idle processes simulate those of a machine, and all parts are measured. Times are
//! processor time of the measuring thread, user and system (`CLOCK_THREAD_CPUTIME_ID`: the sum of
//! getrusage(2), in nanoseconds), so other processes hardly affect them. A method that this machine does not permit is
//! reported and skipped.

#![allow(clippy::unwrap_used, reason = "a bench that cannot start should say so")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

mod connector;
mod files;
mod group;
mod listing;
mod meter;
mod methods;
mod race;
mod reader;
mod storm;
mod subjects;
mod world;

fn main() {
    let mut count = 300;
    let mut parts = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {} // cargo's
            "hold" => return subjects::hold(&args.collect::<Vec<_>>()),
            "threads" => return subjects::threads(),
            _ => match arg.parse() {
                Ok(number) => count = number,
                Err(_) => parts.push(arg),
            },
        }
    }
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    let version = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("Linux {}, uid {}", version.trim_end(), rustix::process::getuid().as_raw());
    if wanted("quiet") {
        methods::quiet(count);
    }
    if wanted("storm") {
        storm::all(count);
    }
    if wanted("race") {
        race::run();
    }
    if wanted("files") {
        files::all();
    }
}
