//! Platform features that are missing, and the consequences, in one line each.

use std::fmt;

use super::Bytes;

/// One missing feature. Root on a usual Debian machine has none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingFeature {
    /// The supervisor does not run as root.
    Root,
    /// `/proc` shows only processes.
    Meminfo,
    /// `/proc` shows only the user's own processes, by this mount option.
    Processes(String),
    /// The supervisor runs in a pid namespace of its own: a container, by its name if known.
    Outside(Option<String>),
    /// `/proc/meminfo` shows memory that this container may not use.
    Measure {
        /// Memory that this container may use.
        limit: Bytes,
        /// Total memory in `/proc/meminfo`.
        total: Bytes,
    },
    /// The kernel has no pidfd, so no process is signalled.
    Pidfd,
    /// cgroup v2 is not mounted at the expected place.
    Cgroups(Hierarchy),
    /// cgroup v2 has no memory controller.
    MemoryController,
    /// The kernel provides no pressure figures.
    Pressure,
    /// systemd is not running.
    Systemd,
}

/// The cgroup hierarchy in place of cgroup v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// Nothing.
    Absent,
    /// Controllers of cgroup v1.
    Legacy,
    /// Controllers of cgroup v1, and v2 beside them without any.
    Hybrid,
}

impl MissingFeature {
    /// Whether it is shown with the status, because figures are incomplete or no action is possible; all others are logged only.
    #[must_use]
    pub fn is_noted(&self) -> bool {
        match self {
            Self::Root
            | Self::Meminfo
            | Self::Processes(_)
            | Self::Outside(_)
            | Self::Measure { .. }
            | Self::Pidfd => true,
            Self::Cgroups(_) | Self::MemoryController | Self::Pressure | Self::Systemd => false,
        }
    }
}

impl fmt::Display for MissingFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNCOUNTED: &str =
            "files that agents keep in a tmpfs are not counted, and their limits are not seen";
        match self {
            Self::Root => f.write_str("no root: agents of other users are neither seen nor ended"),
            Self::Meminfo => f.write_str(
                "no /proc/meminfo (/proc is mounted with subset=pid): what is left is unknown, and nothing is supervised",
            ),
            Self::Processes(option) => write!(
                f,
                "no sight of other users' processes (/proc is mounted with {option}): what runs as somebody else is neither counted nor ended"
            ),
            Self::Outside(name) => {
                let place = name.as_ref().map(|name| format!("container ({name})"));
                let place = place.as_deref().unwrap_or("pid namespace");
                write!(
                    f,
                    "no view out of this {place}: agents elsewhere are neither seen nor ended, and their memory counts as others'"
                )
            }
            Self::Measure { limit, total } => write!(
                f,
                "no true measure of what is left: /proc/meminfo says {total}, but this container may use {limit}, so the kernel may end processes before we do"
            ),
            Self::Pidfd => f.write_str(
                "no pidfd (Linux 5.3): nobody can be signalled, so agents over their lines are only reported",
            ),
            Self::Cgroups(hierarchy) => write!(f, "no cgroup v2 ({hierarchy}): {UNCOUNTED}"),
            Self::MemoryController => write!(f, "no memory controller in cgroup v2: {UNCOUNTED}"),
            Self::Pressure => f.write_str(
                "no pressure figures (PSI; boot with psi=1): a guest that thrashes is helped only when its swap is full, too",
            ),
            Self::Systemd => {
                f.write_str("no systemd: nobody starts this supervisor again when it has failed")
            }
        }
    }
}

impl fmt::Display for Hierarchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "no cgroups at all",
            Self::Legacy => "v1 only",
            Self::Hybrid => "a hybrid with v1",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_what_it_costs_in_one_line() {
        let all = [
            MissingFeature::Root,
            MissingFeature::Meminfo,
            MissingFeature::Processes("hidepid=invisible".to_owned()),
            MissingFeature::Outside(None),
            MissingFeature::Outside(Some("docker".to_owned())),
            MissingFeature::Measure { limit: Bytes::gib(2), total: Bytes::gib(16) },
            MissingFeature::Pidfd,
            MissingFeature::Cgroups(Hierarchy::Absent),
            MissingFeature::Cgroups(Hierarchy::Legacy),
            MissingFeature::Cgroups(Hierarchy::Hybrid),
            MissingFeature::MemoryController,
            MissingFeature::Pressure,
            MissingFeature::Systemd,
        ];
        let thresholds: Vec<_> = all
            .iter()
            .map(|lack| format!("{} {lack}", if lack.is_noted() { "noted" } else { "log  " }))
            .collect();
        insta::assert_snapshot!(thresholds.join("\n"));
    }
}
