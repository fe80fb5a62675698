//! What it costs to notice new processes, by each way there is; and what it costs to look at one.
//!
//!     cargo bench --bench newcomers -- [PROCESSES] [quiet|storm|race|files]…
//!
//! Without a number 300 idle processes stand in for a machine's; without a word everything is measured. Times are
//! processor time of the measuring thread, user and system (`CLOCK_THREAD_CPUTIME_ID`: what getrusage(2) adds up,
//! in nanoseconds), so neighbours disturb them little. What this machine does not permit is named and left out.

#![allow(clippy::unwrap_used, reason = "a bench that cannot start should say so")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

mod connector;
mod files;
mod group;
mod held;
mod listing;
mod looks;
mod meter;
mod race;
mod reader;
mod storm;
mod world;

fn main() {
    let mut count = 300;
    let mut parts = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {} // cargo's
            "hold" => return held::hold(&args.collect::<Vec<_>>()),
            "threads" => return held::threads(),
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
        looks::quiet(count);
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
