//! From `/proc` to a snapshot.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::agents::{Facts, Rules};
use crate::linux::clock;
use crate::linux::proc::{Identity, Proc, ReadError};
use crate::linux::stat::{Comm, Stat};
use crate::model::census::{Census, Seen, Tree, TreeMember};
use crate::model::{
    AgentSample, Boottime, Bytes, Charge, Guest, Member, Pid, ProcessKey, Recognised, Snapshot, Uid,
};
use crate::policy::protected::is_protected;

/// An unmatched process is looked at again for so long after its start: a fork is seen before its exec.
const SETTLING: Duration = Duration::from_secs(10);

/// How often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Command lines are shown up to here.
const COMMAND_LEN: usize = 256;

/// Takes snapshots. Remembers what each process is, and to which agent it belongs.
#[derive(Debug)]
pub(super) struct Sampler {
    proc: Proc,
    rules: Arc<Rules>,
    census: Census,
    known: HashMap<ProcessKey, Known>,
    /// Where the stack of each process starts, from this look and the one before.
    stacks: HashMap<Pid, u64>,
    pids: Vec<Pid>,
    /// Only this user's agents are supervised; `None`: everybody's.
    only: Option<Uid>,
    own: Option<Pid>,
}

/// What a process is, for as long as it does not exec.
#[derive(Debug)]
struct Known {
    comm: Comm,
    start_stack: u64,
    uid: Uid,
    exe: Option<PathBuf>,
    rule: Option<Arc<Recognised>>,
    /// Its parent's copy, forked and nothing else yet: whatever it looks like, it is no agent of its own.
    copy: bool,
    name: String,
    command: String,
    looked: Boottime,
}

impl Sampler {
    pub(super) fn new(proc: Proc, rules: Arc<Rules>, only: Option<Uid>) -> Self {
        let own = i32::try_from(std::process::id()).ok().and_then(Pid::new);
        Self {
            proc,
            rules,
            census: Census::default(),
            known: HashMap::new(),
            stacks: HashMap::new(),
            pids: Vec::new(),
            only,
            own,
        }
    }

    /// Sees the guest as it is now.
    pub(super) fn sample(&mut self) -> Result<Snapshot, ReadError> {
        let at = clock::now();
        let guest = self.proc.guest()?;
        let pressure = self.proc.pressure();
        let seen = self.look(at)?;
        let trees = self.census.update(&seen);
        let agents = trees.into_iter().map(|tree| self.weigh(tree, &guest)).collect();
        Ok(Snapshot { at, guest, pressure, agents })
    }

    /// The command line of a process that was seen; empty where it has none.
    pub(super) fn command(&self, key: ProcessKey) -> &str {
        self.known.get(&key).map_or("", |known| &known.command)
    }

    /// The working directory of a process that was seen.
    pub(super) fn cwd(&self, key: ProcessKey) -> Option<PathBuf> {
        self.known.contains_key(&key).then(|| self.proc.cwd(key.pid)).flatten()
    }

    fn look(&mut self, at: Boottime) -> Result<Vec<Seen>, ReadError> {
        let mut pids = std::mem::take(&mut self.pids);
        self.proc.pids(&mut pids)?;
        // Oldest first, as a rule: a parent is known before its child is asked about.
        pids.sort_unstable();
        let mut seen = Vec::with_capacity(pids.len());
        let mut known = HashMap::with_capacity(pids.len());
        for &pid in &pids {
            // What vanishes, or cannot be read, while we look is not there; that ends no supervision.
            let Ok(Some(stat)) = self.proc.stat(pid) else { continue };
            if stat.is_dead() || stat.is_kernel_thread() {
                continue;
            }
            self.stacks.insert(pid, stat.start_stack);
            let before = self.known.remove(&stat.key);
            let Some(now) = self.identify(at, &stat, before) else { continue };
            let rule = now.rule.clone().filter(|_| self.only.is_none_or(|uid| uid == now.uid));
            seen.push(Seen { key: stat.key, parent: stat.parent, uid: now.uid, rule });
            known.insert(stat.key, now);
        }
        self.stacks.retain(|pid, _| pids.binary_search(pid).is_ok());
        self.known = known;
        self.pids = pids;
        Ok(seen)
    }

    /// What the process is: as known, unless it may have become something else.
    fn identify(&mut self, at: Boottime, stat: &Stat, before: Option<Known>) -> Option<Known> {
        match before {
            Some(known) if !may_have_changed(at, stat, &known) => Some(known),
            before => {
                let status = self.proc.status(stat.key.pid).ok()??;
                let identity = self.proc.identity(stat.key.pid).ok()??;
                let cwd = || self.proc.cwd(stat.key.pid);
                let facts = Facts { exe: identity.exe.as_deref(), argv: &identity.argv, cwd: &cwd };
                let rule = self.rules.recognise(&facts);
                let same =
                    before.filter(|known| known.exe == identity.exe && known.start_stack == stat.start_stack);
                let copy = same.as_ref().is_some_and(|known| known.copy) || self.is_copy_of_its_parent(stat);
                // A program that rewrites its title stays what it was: only an exec makes it something else.
                let rule = rule.or(same.and_then(|known| known.rule)).filter(|_| !copy);
                Some(Known {
                    comm: stat.comm,
                    start_stack: stat.start_stack,
                    uid: status.uid,
                    rule,
                    copy,
                    name: name(&identity, &stat.comm),
                    command: command(&identity),
                    exe: identity.exe,
                    looked: at,
                })
            }
        }
    }

    fn is_copy_of_its_parent(&self, stat: &Stat) -> bool {
        let parents = stat.parent.and_then(|pid| self.stacks.get(&pid));
        stat.start_stack != 0 && parents == Some(&stat.start_stack)
    }

    fn weigh(&mut self, tree: Tree, guest: &Guest) -> AgentSample {
        let members: Vec<Member> = tree.members.into_iter().map(|m| self.member(m)).collect();
        let charge = members.iter().map(|m| m.charge).sum::<Charge>().at_most(guest.held);
        AgentSample {
            agent: tree.agent,
            parent: tree.parent,
            root_alive: tree.root_alive,
            members,
            charge,
            unproven: Bytes::ZERO,
            cgroup: None,
        }
    }

    fn member(&mut self, member: TreeMember) -> Member {
        let charge =
            self.proc.status(member.key.pid).ok().flatten().and_then(|s| s.charge).unwrap_or_default();
        let name = self.known.get(&member.key).map(|k| k.name.clone()).unwrap_or_default();
        Member {
            protected: is_protected(&name) || self.own == Some(member.key.pid),
            key: member.key,
            lineage: member.lineage,
            carries_agent: member.carries_agent,
            joined: member.joined,
            charge,
            name,
        }
    }
}

fn may_have_changed(at: Boottime, stat: &Stat, known: &Known) -> bool {
    let young = at.since(clock::from_ticks(stat.key.start_ticks)) < SETTLING;
    stat.comm != known.comm
        || stat.start_stack != known.start_stack
        || (known.rule.is_none() && young && at.since(known.looked) >= LOOK_AGAIN)
}

fn name(identity: &Identity, comm: &Comm) -> String {
    let program = identity.exe.as_deref().or_else(|| identity.argv.first().map(Path::new));
    let name = program.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| String::from_utf8_lossy(comm.as_bytes()).into_owned());
    name.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(name)
}

fn command(identity: &Identity) -> String {
    let words: Vec<_> = identity.argv.iter().map(|arg| arg.to_string_lossy()).collect();
    let mut command = words.join(" ");
    let end = command.floor_char_boundary(COMMAND_LEN);
    command.truncate(end);
    command.shrink_to_fit();
    command
}

#[cfg(test)]
mod tests;
