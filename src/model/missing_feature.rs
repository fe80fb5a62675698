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
    pub fn is_shown_in_status(&self) -> bool {
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
        const NOT_COUNTED: &str = "tmpfs files and cgroup limits are not taken into account";
        match self {
            Self::Root => f.write_str("not running as root: agents of other users are neither visible nor managed"),
            Self::Meminfo => f.write_str(
                "no /proc/meminfo (/proc is mounted with subset=pid): available memory is unknown, nothing is supervised",
            ),
            Self::Processes(option) => write!(
                f,
                "processes of other users are not visible (/proc is mounted with {option}): they are neither counted nor managed"
            ),
            Self::Outside(name) => {
                let place = name.as_ref().map(|name| format!("a container ({name})"));
                let place = place.as_deref().unwrap_or("a pid namespace");
                write!(f, "running in {place}: agents outside it are not visible and not managed")
            }
            Self::Measure { limit, total } => write!(
                f,
                "memory limit of this container ({limit}) is below the {total} of /proc/meminfo: the kernel may kill processes first"
            ),
            Self::Pidfd => f.write_str(
                "no pidfd (needs Linux 5.3): processes cannot be signalled, agents over their thresholds are only reported",
            ),
            Self::Cgroups(hierarchy) => write!(f, "cgroup v2 not available ({hierarchy}): {NOT_COUNTED}"),
            Self::MemoryController => write!(f, "cgroup v2 memory controller not available: {NOT_COUNTED}"),
            Self::Pressure => f.write_str(
                "no pressure figures (PSI; boot with psi=1): thrashing is detected only when swap is full as well",
            ),
            Self::Systemd => {
                f.write_str("systemd is not running: the daemon will not be restarted if it crashes")
            }
        }
    }
}

impl fmt::Display for Hierarchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "no cgroups at all",
            Self::Legacy => "v1 only",
            Self::Hybrid => "hybrid with v1",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_states_its_consequence_in_one_line() {
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
        let lines: Vec<_> = all
            .iter()
            .map(|feature| {
                format!("{} {feature}", if feature.is_shown_in_status() { "noted" } else { "log  " })
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
