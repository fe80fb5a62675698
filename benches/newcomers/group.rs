//! A cgroup (version 2) for each agent, if permitted.

use std::fs;
use std::path::{Path, PathBuf};

use crate::reader::Reader;
use crate::world::World;

pub(crate) struct Groups {
    folders: Vec<PathBuf>,
    home: PathBuf,
}

/// Where cgroup 2 is mounted.
pub(crate) fn mount() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    mounts
        .lines()
        .map(fields)
        .find(|f| f.get(2).is_some_and(|kind| kind == "cgroup2"))
        .map(|f| PathBuf::from(&f[1]))
}

impl Groups {
    pub(crate) fn create(world: &World) -> Result<Self, String> {
        let home = mount().ok_or("no cgroup 2 is mounted")?;
        let mut groups = Self { folders: Vec::new(), home };
        let mut reader = Reader::new();
        for (nth, root) in world.roots.iter().enumerate() {
            let folder = groups.home.join(format!("newcomers-bench-{nth}"));
            fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            groups.folders.push(folder.clone());
            let pid = root.id();
            let children = reader.whole(&format!("{pid}/task/{pid}/children")).unwrap_or_default().to_vec();
            let children = String::from_utf8(children).unwrap();
            for pid in children.split_whitespace().chain([pid.to_string().as_str()]) {
                fs::write(folder.join("cgroup.procs"), pid)
                    .map_err(|e| format!("{}: {e}", folder.display()))?;
            }
        }
        Ok(groups)
    }

    pub(crate) fn procs(&self) -> Vec<String> {
        self.folders.iter().map(|folder| path(&folder.join("cgroup.procs"))).collect()
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for folder in &self.folders {
            for pid in fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default().lines() {
                let _ = fs::write(self.home.join("cgroup.procs"), pid);
            }
            let _ = fs::remove_dir(folder);
        }
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
