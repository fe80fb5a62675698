//! Idle processes: five agents and their children.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::reader::Reader;

pub(crate) const AGENTS: usize = 5;

/// A shell that starts that many children and then sleeps, still as their parent.
const AGENT: &str = "i=1; while [ $i -lt $0 ]; do sleep 100000 & i=$((i+1)); done; exec sleep 100000";

pub(crate) struct World {
    pub(crate) roots: Vec<Child>,
}

impl World {
    pub(crate) fn start(processes: usize) -> Self {
        let each = processes / AGENTS;
        let roots: Vec<Child> =
            (0..AGENTS).map(|_| group(Command::new("sh").args(["-c", AGENT, &each.to_string()]))).collect();
        let world = Self { roots };
        let mut reader = Reader::new();
        for root in &world.roots {
            let ready = |reader: &mut Reader| {
                let pid = root.id();
                let children = reader
                    .whole(&format!("{pid}/task/{pid}/children"))
                    .map(|text| text.split(|b| *b == b' ').count() - 1);
                // Where the kernel keeps no such file the shell's exec says it.
                children.map_or_else(|| comm_is_sleep(reader, pid), |children| children + 1 >= each)
            };
            while !ready(&mut reader) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        world
    }
}

fn comm_is_sleep(reader: &mut Reader, pid: u32) -> bool {
    reader.whole(&format!("{pid}/comm")) == Some(b"sleep\n")
}

impl Drop for World {
    fn drop(&mut self) {
        for root in &mut self.roots {
            end(root);
        }
    }
}

/// Starts a command as the leader of its own group.
pub(crate) fn group(command: &mut Command) -> Child {
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// Ends a leader and its group.
pub(crate) fn end(leader: &mut Child) {
    let _ = kill_process_group(Pid::from_child(leader), Signal::KILL);
    let _ = leader.wait();
}
