//! Any status at all, likely or not.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::api::forecast::Forecast;
use crate::api::resume::Resume;
use crate::api::status::{
    ActionInfo, AgentInfo, AgentLevel, CulpritInfo, GuestInfo, StatusInfo, SupervisorInfo, Verdict,
};
use crate::model::forecast::{Ceiling, ForecastLevel};
use crate::model::system_memory::{Pressure, Stall};
use crate::model::{Bytes, Pid, Uid};

pub(in crate::cli::health) fn status() -> impl Strategy<Value = StatusInfo> {
    let verdict =
        prop::sample::select(vec![Verdict::Ok, Verdict::Warning, Verdict::Critical, Verdict::Unknown]);
    let supervisor = option::of(supervisor());
    (verdict, guest(), vec(agent(), 0..4), vec(action(), 0..8), vec(text(), 0..3), supervisor).prop_map(
        |(verdict, guest, agents, actions, notes, supervisor)| StatusInfo {
            supervisor,
            version: StatusInfo::VERSION,
            verdict,
            guest,
            agents,
            actions,
            notes,
        },
    )
}

fn supervisor() -> impl Strategy<Value = SupervisorInfo> {
    any::<[u64; 7]>().prop_map(
        |[
            polls,
            samples,
            late_wakeups,
            max_late_usec,
            woken_by_pressure,
            woken_by_cgroups,
            released_early,
        ]| SupervisorInfo {
            polls,
            samples,
            late_wakeups,
            max_late_usec,
            woken_by_pressure,
            woken_by_cgroups,
            released_early,
        },
    )
}

/// Words, long words, control characters, quotes, wide characters.
pub(in crate::cli::health) fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z/'\" \\\\-]{0,100}".boxed(),
        vec(any::<char>(), 0..60).prop_map(String::from_iter).boxed(),
        "[日本語한국🦀 ]{0,60}".boxed(),
    ];
    vec(word, 0..4).prop_map(|words| words.join(" "))
}

pub(in crate::cli::health) fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![any::<u64>(), 0..1_u64 << 36].prop_map(Bytes::new)
}

pub(in crate::cli::health) fn pid() -> impl Strategy<Value = Pid> {
    (1..i32::MAX).prop_map(|pid| Pid::new(pid).unwrap())
}

pub(in crate::cli::health) fn uid() -> impl Strategy<Value = Uid> {
    any::<u32>().prop_map(Uid::new)
}

fn guest() -> impl Strategy<Value = GuestInfo> {
    let stall =
        || any::<[f32; 3]>().prop_map(|[avg10, avg60, avg300]| Stall { avg10, avg60, avg300, total_usec: 0 });
    let pressure = (stall(), stall()).prop_map(|(some, full)| Pressure { some, full });
    (bytes(), bytes(), bytes(), bytes(), option::of(pressure), option::of(forecast())).prop_map(
        |(mem_total, mem_available, swap_total, swap_free, pressure, forecast)| GuestInfo {
            mem_total,
            mem_available,
            swap_total,
            swap_free,
            pressure,
            forecast,
        },
    )
}

fn agent() -> impl Strategy<Value = AgentInfo> {
    let level = prop::sample::select(vec![AgentLevel::Ok, AgentLevel::Warned, AgentLevel::Acting]);
    let names = (text(), option::of(text()), option::of(text()), option::of(text()));
    let numbers = (pid(), uid(), bytes(), bytes(), bytes(), option::of(bytes()));
    (names, numbers, level, any::<(usize, bool)>(), vec(culprit(), 0..3), option::of(forecast())).prop_map(
        |(
            (id, parent, cwd, scope),
            (pid, uid, charge, warn_threshold, kill_threshold, limit),
            level,
            rest,
            culprits,
            forecast,
        )| {
            AgentInfo {
                id,
                parent,
                rule: "claude".into(),
                pid,
                uid,
                cwd,
                command: None,
                charge,
                total_charge: charge,
                anon: charge,
                shmem: Bytes::ZERO,
                swap: Bytes::ZERO,
                processes: rest.0,
                root_alive: rest.1,
                warn_threshold,
                kill_threshold,
                level,
                scope,
                limit,
                forecast,
                culprits,
            }
        },
    )
}

fn forecast() -> impl Strategy<Value = Forecast> {
    use ForecastLevel::{None, Runaway, Warn, Watch};
    let level = prop::sample::select(vec![None, Watch, Warn, Runaway]);
    let ceilings = vec![Ceiling::KillThreshold, Ceiling::Cgroup, Ceiling::Guest, Ceiling::Heap];
    // Any float at all, no numbers and infinite ones too, and those that a forecaster says.
    let seconds = || option::of(prop_oneof![any::<f64>(), -10.0..1e6, Just(f64::NAN), Just(f64::INFINITY)]);
    let numbers = (option::of(any::<i64>()), bytes(), seconds(), seconds(), seconds());
    (level, prop::sample::select(ceilings), text(), text(), numbers).prop_map(
        |(level, ceiling, trend, reason, (bytes_per_hour, ceiling_bytes, eta, low, high))| Forecast {
            level,
            trend,
            bytes_per_hour,
            least_squares_per_hour: bytes_per_hour.map(i64::reverse_bits),
            ceiling,
            ceiling_bytes,
            eta_seconds: eta,
            eta_low_seconds: low,
            eta_high_seconds: high,
            reason,
        },
    )
}

fn culprit() -> impl Strategy<Value = CulpritInfo> {
    (pid(), bytes(), option::of(text())).prop_map(|(pid, charge, command)| CulpritInfo {
        pid,
        charge,
        command,
        forecast: None,
    })
}

fn action() -> impl Strategy<Value = ActionInfo> {
    let kind = prop_oneof!["act", "died", "kernel_oom", text()];
    let texts = (text(), kind, text(), text(), option::of(text()));
    (texts, pid(), uid(), bytes(), bytes(), option::of(culprit()), vec(text(), 0..3), any::<bool>()).prop_map(
        |((time, kind, agent, outcome, resume), pid, uid, charge, threshold, culprit, signals, dry_run)| {
            ActionInfo {
                cause: "threshold".to_owned(),
                id: "1".into(),
                time,
                kind,
                agent,
                rule: "claude".into(),
                pid,
                uid,
                charge,
                threshold,
                culprit,
                signals,
                dry_run,
                outcome,
                resume: resume.map(|command| Resume::new(&command, None)),
            }
        },
    )
}
