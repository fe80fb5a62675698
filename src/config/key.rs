//! The names of the keys, as in messages and [`Origins`](super::Origins).

/// The warn threshold.
pub const WARN: &str = "thresholds.warn";
/// The kill threshold.
pub const KILL: &str = "thresholds.kill";
/// Report actions without signals.
pub const DRY_RUN: &str = "act.dry_run";
/// The time between `TERM` and `KILL`.
pub const GRACE: &str = "act.grace";
/// Whether limited agents are throttled just below their limit.
pub const THROTTLE: &str = "act.throttle";
/// Whether agents are killed when the machine runs out of memory.
pub const GUARD: &str = "guard.enabled";
/// The memory that must remain available.
pub const RESERVE: &str = "guard.reserve";
/// The table of the rules.
pub const RULES: &str = "rules";
