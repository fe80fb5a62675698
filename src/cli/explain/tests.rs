//! The layout of the page, and that it escapes hostile text.

use insta::assert_snapshot;

use super::render_plain;
use crate::api::explanation::Explanation;
use crate::api::explanation::{
    CgroupInfo, CgroupUse, Membership, ProcessInfo, ProcessMemory, Shares, SharesStatus, SignalsInfo,
    ThresholdInfo, ThresholdsInfo,
};
use crate::api::status::{AgentInfo, AgentLevel, CulpritInfo};
use crate::cli::terminal::{Style, WIDTH, escape_for_terminal, width};
use crate::model::forecast::ForecastLevel;
use crate::model::match_trace::{MatchStep, MatchTrace, ProcessPart, RuleResult};
use crate::model::{Bytes, Charge, MembershipReason, Pid, Uid};

fn pid(number: i32) -> Pid {
    Pid::new(number).unwrap()
}

fn tried(rule: &str, matched: bool, why: &str) -> RuleResult {
    RuleResult { rule: rule.into(), matched, why: why.into() }
}

fn root() -> Explanation {
    let charge = Charge { anon: Bytes::mib(1900), shmem: Bytes::mib(100), swap: Bytes::mib(48) };
    let share = Shares {
        private: Bytes::mib(1950),
        anon: Bytes::mib(1880),
        shmem: Bytes::mib(50),
        swap: Bytes::mib(48),
        file: Bytes::mib(90),
    };
    let exe = "/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe";
    Explanation {
        version: Explanation::VERSION,
        watched: true,
        process: ProcessInfo {
            pid: pid(1234),
            uid: Uid::new(1000),
            privileged: false,
            parent: Some(pid(1200)),
            name: Some("claude.exe".into()),
            exe: Some(exe.into()),
            command: Some("claude --model opus".into()),
            cwd: Some("/home/alice/work".into()),
        },
        because: "it is the root of claude-1234: its rule matches; codex-77 started it".into(),
        recognition: Some(MatchTrace {
            steps: vec![MatchStep {
                part: ProcessPart::Exe,
                text: exe.into(),
                results: vec![tried("claude", true, "it is @anthropic-ai/claude-code/bin/claude.exe")],
            }],
            matched: Some("claude".into()),
            ended: "it is claude".into(),
        }),
        membership: Some(Membership {
            agent: "claude-1234".into(),
            joined: MembershipReason::Root,
            started_by: None,
            lineage: vec![],
            counted: charge.total(),
            carries_agent: false,
            unverified: Bytes::ZERO,
        }),
        agent: Some(AgentInfo {
            id: "claude-1234".into(),
            parent: Some("codex-77".into()),
            rule: "claude".into(),
            pid: pid(1234),
            uid: Uid::new(1000),
            cwd: Some("/home/alice/work".into()),
            command: Some("claude --model opus".into()),
            charge: Bytes::mib(2900),
            total_charge: Bytes::mib(2900),
            anon: Bytes::mib(2700),
            shmem: Bytes::mib(152),
            swap: Bytes::mib(48),
            processes: 14,
            root_alive: true,
            warn_threshold: Bytes::gib(8),
            kill_threshold: Bytes::gib(13),
            level: AgentLevel::Ok,
            scope: None,
            limit: None,
            forecast: Some(crate::cli::health::tests::forecast(ForecastLevel::Watch, 90.0)),
            culprits: vec![CulpritInfo { pid: pid(1250), charge: Bytes::mib(500), command: Some("node".into()), forecast: None }],
        }),
        memory: Some(ProcessMemory { shares: Some(share), ..ProcessMemory::without_shares(charge, SharesStatus::Done) }),
        cgroup: Some(CgroupInfo {
            path: Some("/agents.slice/agent-claude-1.scope".into()),
            use_by: CgroupUse::Own,
            processes: Some(14),
            current: Some(Bytes::mib(4200)),
            cache: Some(Bytes::mib(1100)),
            charge: Some(Bytes::mib(2950)),
            max: Some(Bytes::gib(12)),
        }),
        thresholds: Some(ThresholdsInfo {
            warn: ThresholdInfo { bytes: Bytes::gib(8), set: r#"["8G", "55%"]"#.into(), origin: "built in".into() },
            kill: ThresholdInfo {
                bytes: Bytes::gib(13),
                set: "16G".into(),
                origin: "/etc/claude-watchdog/config.toml.d/50-local.toml:3".into(),
            },
            notes: vec!["kill threshold: 13G (16G from /etc/claude-watchdog/config.toml.d/50-local.toml:3 exceeds 85% of \
                         15.3G RAM)"
                .into()],
        }),
        signals: SignalsInfo {
            never: false,
            because: "once claude-1234 is over its kill threshold of 13G, with the whole agent, if killing no smaller \
                      part frees enough"
                .into(),
        },
        notes: vec![],
    }
}

fn child() -> Explanation {
    let mut explanation = root();
    explanation.process.pid = pid(1250);
    explanation.process.name = Some("node".into());
    explanation.process.exe = Some("/usr/bin/node".into());
    explanation.process.command =
        Some("node node_modules/.bin/vitest run --pool=forks --reporter=verbose --coverage".into());
    explanation.because = "pid 1234, the root of claude-1234, started it".into();
    let not = "it is not @anthropic-ai/claude-code/cli.js, nor claude";
    explanation.recognition = Some(MatchTrace {
        steps: vec![
            MatchStep {
                part: ProcessPart::Exe,
                text: "/usr/bin/node".into(),
                results: vec![
                    tried("claude", false, "it is not .local/share/claude/versions/*"),
                    tried("gemini", false, "the rule has no pattern for this"),
                    tried("opencode", false, "the rule has no pattern for this"),
                ],
            },
            MatchStep {
                part: ProcessPart::Script,
                text: "/home/alice/work/node_modules/.bin/vitest".into(),
                results: vec![tried("claude", false, not)],
            },
        ],
        matched: None,
        ended: "a script that no rule knows ends the search".into(),
    });
    let membership = explanation.membership.as_mut().unwrap();
    (membership.joined, membership.started_by) = (MembershipReason::Child, Some(pid(1234)));
    membership.lineage = vec![pid(1234)];
    membership.counted = Bytes::mib(1500);
    membership.unverified = Bytes::mib(300);
    let agent = explanation.agent.as_mut().unwrap();
    (agent.level, agent.charge, agent.parent) = (AgentLevel::Warned, Bytes::mib(8400), None);
    let memory = explanation.memory.as_mut().unwrap();
    (memory.look, memory.shares) = (SharesStatus::TimedOut, None);
    let cgroup = explanation.cgroup.as_mut().unwrap();
    cgroup.path = Some("/user.slice/user-1000.slice/session-3.scope".into());
    (cgroup.use_by, cgroup.processes, cgroup.max) = (CgroupUse::Shared, Some(31), None);
    explanation.signals.because =
        "once claude-1234 is over its kill threshold of 13G, if it is in the smallest part of it that \
                            frees enough, or with the whole agent"
            .into();
    explanation.notes = vec!["dry run: agents over their kill threshold are reported, not killed".into()];
    explanation
}

fn stranger() -> Explanation {
    let mut explanation = child();
    explanation.because = "no rule matches it, and its parent, pid 1, belongs to no agent".into();
    (explanation.membership, explanation.agent, explanation.thresholds) = (None, None, None);
    explanation.signals =
        SignalsInfo { never: true, because: "only members of agents are ever signalled".into() };
    explanation.notes = vec![];
    explanation
}

fn plain(explanation: &Explanation) -> String {
    let page = render_plain(explanation, &Style::plain());
    for line in page.lines() {
        assert!(
            width(line) <= WIDTH && line == escape_for_terminal(line) && !line.ends_with(' '),
            "{line:?}"
        );
    }
    page
}

#[test]
fn the_root_of_an_agent() {
    assert_snapshot!(plain(&root()));
}

#[test]
fn a_child() {
    assert_snapshot!(plain(&child()));
}

#[test]
fn an_orphan_found_through_its_environment() {
    let mut explanation = child();
    let membership = explanation.membership.as_mut().unwrap();
    (membership.joined, membership.started_by) = (MembershipReason::Environment, None);
    membership.lineage = vec![];
    explanation.because =
        "its environment names claude-1234: its parent had exited before it was first seen".into();
    let agent = explanation.agent.as_mut().unwrap();
    (agent.level, agent.root_alive) = (AgentLevel::Acting, false);
    assert_snapshot!(plain(&explanation));
}

#[test]
fn a_process_of_no_agent() {
    assert_snapshot!(plain(&stranger()));
}

#[test]
fn a_process_without_memory_or_cgroup() {
    let mut explanation = stranger();
    (explanation.memory, explanation.cgroup, explanation.recognition) = (None, None, None);
    (explanation.process.exe, explanation.process.command, explanation.process.cwd) = (None, None, None);
    explanation.process.name = Some("kworker/0:1".into());
    explanation.because = "it is a kernel thread".into();
    assert_snapshot!(plain(&explanation));
}

#[test]
fn another_users_process() {
    let explanation = child().seen_by(Uid::new(1001));
    let text = serde_json::to_string(&explanation).unwrap();
    for secret in ["/home/alice", "vitest", "/usr/bin/node", "opus", "session-3"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_snapshot!(plain(&explanation));
}

#[test]
fn another_user_sees_only_totals() {
    let full = child();
    assert_eq!(full.clone().seen_by(Uid::ROOT), full);
    assert_eq!(full.clone().seen_by(Uid::new(1000)), full);
    // The owner of a setuid program may not inspect it.
    let mut setuid = child();
    setuid.process.privileged = true;
    assert_eq!(setuid.clone().seen_by(Uid::new(1000)).process.exe, None);
    assert_eq!(setuid.clone().seen_by(Uid::ROOT), setuid);
    // One's own process below another user's agent.
    let mut below = child();
    below.agent.as_mut().unwrap().uid = Uid::new(1001);
    let seen = below.seen_by(Uid::new(1000));
    assert!(seen.process.exe.is_some());
    let agent = seen.agent.unwrap();
    assert_eq!((agent.cwd, agent.command, agent.culprits), (None, None, Vec::new()));
}

#[test]
fn without_the_daemon() {
    let mut explanation = root();
    explanation.watched = false;
    explanation.notes = vec![
        "no daemon answers at /run/claude-watchdog/io.moltdown.Watchdog; start it with `systemctl start \
         claude-watchdog`, or without root with `claude-watchdog daemon`"
            .into(),
    ];
    assert_snapshot!(plain(&explanation));
}

#[test]
fn hostile_text() {
    let mut explanation = child();
    explanation.process.name = Some("\x1b[2Jnode".into());
    explanation.process.command = Some("sh -c \"\x1b]0;owned\x07\nOK  all is well\" \u{202e}".into());
    explanation.process.cwd = Some(
        "/home/アリス/仕事/とても長いディレクトリの名前/プロジェクト/とても長いディレクトリの名前".into(),
    );
    let recognition = explanation.recognition.as_mut().unwrap();
    recognition.steps[1].text = "x\n  claude    it is claude".repeat(9);
    explanation.cgroup.as_mut().unwrap().path = Some("/user.slice/\x1b[31m\n".into());
    assert_snapshot!(plain(&explanation));
}
