//! Identity of a process: pids are reused, so a pid alone is not sufficient.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A process id as the kernel numbers it in our pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pid(i32);

impl Pid {
    /// The first process.
    pub const INIT: Self = Self(1);

    /// `None` for anything that cannot be a process: zero and below.
    #[must_use]
    pub const fn new(pid: i32) -> Option<Self> {
        if pid > 0 { Some(Self(pid)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(u32);

impl Uid {
    /// The superuser.
    pub const ROOT: Self = Self(0);

    /// That user.
    #[must_use]
    pub const fn new(uid: u32) -> Self {
        Self(uid)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The user for whom a quota counts: itself, but all from 100000 on together, because from there (`SUB_UID_MIN` of
    /// login.defs(5)) one user is assigned 65536 ids.
    #[must_use]
    pub fn account(self) -> Self {
        const FIRST_SHARED_UID: u32 = 100_000;
        Self(self.0.min(FIRST_SHARED_UID))
    }

    /// Whether this user may see the details of, and act on, processes of `owner`: the owner and root may.
    #[must_use]
    pub fn may_see(self, owner: Self) -> bool {
        self == owner || self == Self::ROOT
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One process for as long as it lives: its pid and its start time in clock ticks since boot
/// (field 22 of `/proc/PID/stat`, `proc_pid_stat(5)`). An exec keeps both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessKey {
    /// The process id.
    pub pid: Pid,
    /// Start time in clock ticks since boot.
    pub start_ticks: u64,
}
