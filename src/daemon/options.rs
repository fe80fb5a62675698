//! The options of the `daemon` command.

use std::path::PathBuf;

/// The options of the `daemon` command.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file; `None`: the default one, if it exists.
    pub config: Option<PathBuf>,
    /// The socket; `None`: the default one.
    pub socket: Option<PathBuf>,
    /// Mount point of procfs.
    pub proc: PathBuf,
    /// Mount point of cgroup v2.
    pub cgroup: PathBuf,
    /// Directory of the state; `None`: the default one.
    pub state: Option<PathBuf>,
    /// Log each decision, send no signal.
    pub dry_run: bool,
}
