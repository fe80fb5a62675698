//! What the process costs, and its cgroup.

use super::{LABEL, section, value};
use crate::api::explanation::{CgroupInfo, CgroupUse, Membership, ProcessMemory, SharesStatus};
use crate::cli::terminal::Page;
use crate::model::Bytes;

/// The kinds that a charge is made of.
pub(super) fn kinds(anon: Bytes, shmem: Bytes, swap: Bytes) -> String {
    format!("{anon} private, {shmem} shared, {swap} swapped out")
}

/// The memory of the process itself.
pub(super) fn of_process(page: &mut Page, memory: Option<&ProcessMemory>, membership: Option<&Membership>) {
    section(page, "Memory");
    let Some(memory) = memory else {
        page.to(LABEL).put("it has none of its own").end();
        return;
    };
    value(page, "charge", &format!("{}: {}", memory.charge, kinds(memory.anon, memory.shmem, memory.swap)));
    if let Some(counted) = membership.map(|membership| membership.counted).filter(|c| *c != memory.charge) {
        value(page, "counted", &format!("{counted} of it in the agent's charge, at the last look"));
    }
    match (memory.look, &memory.shares) {
        (_, Some(shares)) => {
            value(page, "alone", &format!("{} that nobody else maps", shares.private));
            let split = kinds(shares.anon, shares.shmem, shares.swap);
            value(page, "its share", &format!("{split}; {} of page cache, which never counts", shares.file));
        }
        (SharesStatus::TimedOut, None) => {
            value(page, "its share", "not read in time: its memory map is locked, or very large");
        }
        (SharesStatus::Hidden, None) => value(page, "its share", "for its owner and root only"),
        (_, None) => value(page, "its share", "not to be had from the kernel"),
    }
}

/// The cgroup that it stands in.
pub(super) fn of_cgroup(page: &mut Page, cgroup: &CgroupInfo, has_agent: bool) {
    section(page, "Cgroup");
    if let Some(path) = &cgroup.path {
        value(page, "path", path);
    }
    let who = match (cgroup.use_by, cgroup.processes) {
        (CgroupUse::Own, _) => "the agent alone: what it costs counts for the agent".to_owned(),
        (CgroupUse::Shared, Some(count)) if has_agent => {
            format!("shared with others, {count} processes in all: nothing follows from it")
        }
        (CgroupUse::Shared, Some(count)) => format!("{count} processes, no agent's alone"),
        (CgroupUse::Shared, None) => "no agent's alone".to_owned(),
        (CgroupUse::Unknown, _) => "who is in it could not be read".to_owned(),
    };
    value(page, "used by", &who);
    if let (Some(current), Some(cache)) = (cgroup.current, cgroup.cache) {
        value(page, "holds", &format!("{current}, of which {cache} is page cache, which never counts"));
    }
    if let Some(charge) = cgroup.charge {
        value(page, "charge", &charge.to_string());
    }
    if let Some(max) = cgroup.max {
        value(page, "limit", &max.to_string());
    }
}
