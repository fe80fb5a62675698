//! What there is not, and what that costs: a line each, told once.

use crate::linux::surroundings::{CgroupTree, Surroundings};
use crate::model::{Bytes, Uid};

/// What is lost without the memory controller of cgroup v2.
const WITHOUT_CGROUPS: &str = "files that an agent keeps in memory are not counted, no limit of its own is seen, and it \
                               is never ended all at once";

/// The lines for a supervisor of `uid` in these surroundings, on a machine with `total` bytes of memory. None where
/// nothing lacks.
pub(super) fn lacks(uid: Uid, surroundings: &Surroundings, total: Bytes) -> Vec<String> {
    let Surroundings { cgroup, tree, limit, pressure, container, systemd } = surroundings;
    let mut lines = Vec::new();
    if uid != Uid::ROOT {
        lines.push(
            "not root: other users' agents are neither seen nor ended, and nothing keeps this supervisor from being \
             ended first"
                .to_owned(),
        );
    }
    if !systemd {
        lines.push(
            "no systemd: nobody starts this supervisor again should it end, and agents cannot be given limits by it"
                .to_owned(),
        );
    }
    let place = cgroup.display();
    match tree {
        CgroupTree::Unified { memory: true } => {}
        CgroupTree::Unified { memory: false } => {
            lines.push(format!("no memory controller in {place}: {WITHOUT_CGROUPS}"));
        }
        CgroupTree::Hybrid => lines.push(format!(
            "cgroup v1 in {place}, with a v2 tree without controllers beside it: {WITHOUT_CGROUPS}"
        )),
        CgroupTree::V1 => lines.push(format!("cgroup v1 in {place}: {WITHOUT_CGROUPS}")),
        CgroupTree::Absent => lines.push(format!("no cgroups in {place}: {WITHOUT_CGROUPS}")),
    }
    if !pressure {
        lines.push(
            "no memory pressure (PSI; `psi=1` on the kernel's command line brings it): a guest that thrashes is not \
             noticed before it is full, and nothing wakes this supervisor before its time"
                .to_owned(),
        );
    }
    if let Some(name) = container {
        lines.push(format!(
            "in a container ({name}): memory and swap are the whole machine's, and who is outside is not seen"
        ));
    }
    if let Some(limit) = limit.filter(|limit| *limit < total) {
        lines.push(format!(
            "all that is seen here may use {limit} of the machine's {total}, which the figures do not show: set the lines \
             below that"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Surroundings {
        Surroundings {
            cgroup: "/sys/fs/cgroup".into(),
            tree: CgroupTree::Unified { memory: true },
            limit: None,
            pressure: true,
            container: None,
            systemd: true,
        }
    }

    #[test]
    fn where_nothing_lacks_nothing_is_said() {
        assert!(lacks(Uid::ROOT, &complete(), Bytes::gib(16)).is_empty());
        let roomy = Surroundings { limit: Some(Bytes::gib(64)), ..complete() };
        assert!(lacks(Uid::ROOT, &roomy, Bytes::gib(16)).is_empty());
    }

    #[test]
    fn each_lack_is_one_line_with_what_it_costs() {
        let bare = Surroundings {
            limit: Some(Bytes::gib(4)),
            pressure: false,
            container: Some("docker".to_owned()),
            systemd: false,
            ..complete()
        };
        let trees =
            [CgroupTree::Unified { memory: false }, CgroupTree::Hybrid, CgroupTree::V1, CgroupTree::Absent];
        let told: Vec<String> = trees
            .into_iter()
            .map(|tree| Surroundings { tree, ..bare.clone() })
            .map(|surroundings| lacks(Uid::new(1000), &surroundings, Bytes::gib(16)).join("\n"))
            .collect();
        insta::assert_snapshot!(told.join("\n--\n"));
    }
}
