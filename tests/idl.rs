//! The interface description is written by hand; these tests compare it with the replies.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;

use claude_watchdog::api::explanation::{
    CgroupInfo, CgroupUse, Membership, ProcessInfo, ProcessMemory, Shares, SharesStatus, SignalsInfo,
    ThresholdInfo, ThresholdsInfo,
};
use claude_watchdog::api::history::{BreakInfo, BreakKind, HistoryInfo, PointInfo, SeriesInfo, SeriesKind};
use claude_watchdog::api::resume::Resume;
use claude_watchdog::api::status::{
    ActionInfo, AgentInfo, AgentLevel, CulpritInfo, GuestInfo, StatusInfo, SupervisorInfo, Verdict,
};
use claude_watchdog::ipc::{DESCRIPTION, MethodError};
use claude_watchdog::model::forecast::{Ceiling, ForecastLevel};
use claude_watchdog::model::match_trace::{MatchStep, MatchTrace, ProcessPart, RuleResult};
use claude_watchdog::model::system_memory::Stall;
use claude_watchdog::model::time::UnixSeconds;
use claude_watchdog::{
    api::{
        event_log::{EventInfo, EventLevel},
        explanation::Explanation,
        forecast::Forecast,
        limited::LimitInfo,
    },
    model::{Bytes, MembershipReason, Pid, Pressure, Uid},
};
use serde::Serialize;
use serde_json::Value;
use zlink::idl::{CustomType, Interface, Type};

fn forecast() -> Forecast {
    Forecast {
        level: ForecastLevel::Watch,
        trend: "growing".into(),
        bytes_per_hour: Some(1),
        least_squares_per_hour: Some(1),
        ceiling: Ceiling::KillThreshold,
        ceiling_bytes: Bytes::gib(13),
        eta_seconds: Some(7200.0),
        eta_low_seconds: Some(3600.0),
        eta_high_seconds: Some(9000.0),
        reason: "it grows".into(),
    }
}

/// Every field filled and no list empty. Written out in full, so that a new field cannot be forgotten here.
fn filled() -> StatusInfo {
    let pid = Pid::new(100).unwrap();
    let bytes = Bytes::gib(1);
    let stall = Stall { avg10: 0.5, avg60: 0.5, avg300: 0.5, total_usec: 7 };
    let culprit =
        CulpritInfo { pid, charge: bytes, command: Some("node".into()), forecast: Some(forecast()) };
    StatusInfo {
        version: StatusInfo::VERSION,
        verdict: Verdict::Critical,
        guest: GuestInfo {
            mem_total: bytes,
            mem_available: bytes,
            swap_total: bytes,
            swap_free: bytes,
            pressure: Some(Pressure { some: stall, full: stall }),
            forecast: Some(forecast()),
        },
        agents: vec![AgentInfo {
            id: "claude-100".into(),
            parent: Some("claude-99".into()),
            rule: "claude".into(),
            pid,
            uid: Uid::new(1000),
            cwd: Some("/home/me".into()),
            command: Some("claude".into()),
            charge: bytes,
            total_charge: bytes,
            anon: bytes,
            shmem: bytes,
            swap: bytes,
            processes: 1,
            root_alive: true,
            warn_threshold: bytes,
            kill_threshold: bytes,
            level: AgentLevel::Acting,
            scope: Some("agent-claude-1.scope".into()),
            limit: Some(bytes),
            forecast: Some(forecast()),
            culprits: vec![culprit.clone()],
        }],
        actions: vec![ActionInfo {
            id: "1".into(),
            time: "2026-11-23T14:02:05Z".into(),
            kind: "act".into(),
            agent: "claude-100".into(),
            rule: "claude".into(),
            pid,
            uid: Uid::new(1000),
            charge: bytes,
            threshold: bytes,
            culprit: Some(culprit),
            signals: vec!["TERM".into()],
            dry_run: false,
            cause: "guard".into(),
            outcome: "done".into(),
            resume: Some(Resume::new("claude --resume 1", Some("/home/me".into()))),
        }],
        supervisor: Some(SupervisorInfo::default()),
        notes: vec!["a dry run".into()],
    }
}

/// The same with everything null that may be.
fn bare() -> StatusInfo {
    let mut status = filled();
    status.guest.pressure = None;
    status.guest.forecast = None;
    status.supervisor = None;
    for agent in &mut status.agents {
        (agent.parent, agent.cwd, agent.command, agent.scope) = (None, None, None, None);
        (agent.limit, agent.forecast) = (None, None);
        agent.culprits.iter_mut().for_each(|culprit| (culprit.command, culprit.forecast) = (None, None));
    }
    for action in &mut status.actions {
        (action.culprit, action.resume) = (None, None);
    }
    status
}

/// Every field filled and no list empty; written out in full.
fn explained() -> Explanation {
    let pid = Pid::new(100).unwrap();
    let bytes = Bytes::gib(1);
    let threshold = ThresholdInfo { bytes, set: "1G".into(), origin: "built in".into() };
    Explanation {
        version: Explanation::VERSION,
        watched: true,
        process: ProcessInfo {
            pid,
            uid: Uid::new(1000),
            privileged: false,
            parent: Some(pid),
            name: Some("node".into()),
            exe: Some("/usr/bin/node".into()),
            command: Some("node x".into()),
            cwd: Some("/home/me".into()),
        },
        because: "pid 99, a member of claude-99, started it".into(),
        recognition: Some(MatchTrace {
            steps: vec![MatchStep {
                part: ProcessPart::Exe,
                text: "/usr/bin/node".into(),
                results: vec![RuleResult {
                    rule: "claude".into(),
                    matched: false,
                    why: "it is not claude".into(),
                }],
            }],
            matched: Some("claude".into()),
            ended: "it is claude".into(),
        }),
        membership: Some(Membership {
            agent: "claude-99".into(),
            joined: MembershipReason::Child,
            started_by: Some(pid),
            lineage: vec![pid],
            counted: bytes,
            carries_agent: false,
            unverified: bytes,
        }),
        agent: filled().agents.pop(),
        memory: Some(ProcessMemory {
            charge: bytes,
            anon: bytes,
            shmem: bytes,
            swap: bytes,
            look: SharesStatus::Done,
            shares: Some(Shares { private: bytes, anon: bytes, shmem: bytes, swap: bytes, file: bytes }),
        }),
        cgroup: Some(CgroupInfo {
            path: Some("/agents.slice".into()),
            use_by: CgroupUse::Own,
            processes: Some(1),
            current: Some(bytes),
            cache: Some(bytes),
            charge: Some(bytes),
            max: Some(bytes),
        }),
        thresholds: Some(ThresholdsInfo {
            warn: threshold.clone(),
            kill: threshold,
            notes: vec!["1G counts".into()],
        }),
        signals: SignalsInfo { never: false, because: "once it is over its kill threshold".into() },
        notes: vec!["a dry run".into()],
    }
}

/// The same with everything null that may be, and one step further down.
fn explained_barely() -> [Explanation; 2] {
    let mut inner = explained().seen_by(Uid::new(1));
    if let Some(agent) = &mut inner.agent {
        // A list that is empty shows no type.
        agent.culprits = filled().agents.remove(0).culprits;
    }
    if let Some(membership) = &mut inner.membership {
        membership.started_by = None;
        membership.lineage = vec![Pid::new(1).unwrap()];
    }
    if let Some(cgroup) = &mut inner.cgroup {
        (cgroup.processes, cgroup.current, cgroup.cache) = (None, None, None);
        (cgroup.charge, cgroup.max) = (None, None);
    }
    let mut outer = inner.clone();
    (outer.membership, outer.agent, outer.memory) = (None, None, None);
    (outer.cgroup, outer.thresholds) = (None, None);
    [inner, outer]
}

struct Idl<'a>(&'a Interface<'a>);

impl<'a> Idl<'a> {
    fn custom(&self, name: &str) -> &'a CustomType<'a> {
        let found = self.0.custom_types().find(|custom| custom.name().as_str() == name);
        found.unwrap_or_else(|| panic!("no type {name}"))
    }

    fn variants(&self, name: &str) -> BTreeSet<String> {
        let custom = self.custom(name).as_enum().unwrap();
        custom.variants().map(|variant| variant.name().as_str().to_owned()).collect()
    }

    /// Holds `value` against `ty`, down to the last field; `at` says where in a failure.
    fn check(&self, value: &Value, ty: &Type<'_>, at: &str) {
        match (ty, value) {
            (Type::Optional(_), Value::Null)
            | (Type::Bool, Value::Bool(_))
            | (Type::String, Value::String(_))
            | (Type::ForeignObject, Value::Object(_)) => {}
            (Type::Optional(inner), value) => self.check(value, inner, at),
            (Type::Int, Value::Number(number)) => assert!(number.is_i64(), "{at} is no int"),
            (Type::Float, Value::Number(number)) => assert!(number.is_f64(), "{at} is no float"),
            (Type::Array(inner), Value::Array(items)) => {
                assert!(!items.is_empty(), "{at} is not filled");
                for item in items {
                    self.check(item, inner, &format!("{at}[]"));
                }
            }
            (Type::Custom(name), value) => match self.custom(name.as_str()) {
                CustomType::Enum(_) => {
                    let variant = value.as_str().unwrap_or_else(|| panic!("{at} is no word"));
                    assert!(self.variants(name.as_str()).contains(variant), "{at}: {variant}");
                }
                CustomType::Object(object) => {
                    let described: BTreeSet<_> = object.fields().map(|field| field.name().as_str()).collect();
                    let sent: BTreeSet<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
                    assert_eq!(described, sent, "the fields of {at}");
                    for field in object.fields() {
                        let name = field.name().as_str();
                        self.check(&value[name], field.ty(), &format!("{at}.{name}"));
                    }
                }
            },
            (ty, value) => panic!("{at} is {value}, but described as {ty}"),
        }
    }
}

fn with_idl(test: impl FnOnce(&Idl<'_>)) {
    test(&Idl(&Interface::try_from(DESCRIPTION).expect("the description parses")));
}

#[test]
fn a_status_matches_its_description() {
    with_idl(|idl| {
        let method = idl.0.methods().find(|method| method.name().as_str() == "Status").unwrap();
        let ty = method.outputs().next().unwrap().ty();
        for status in [filled(), bare()] {
            idl.check(&serde_json::to_value(status).unwrap(), ty, "status");
        }
    });
}

#[test]
fn an_explanation_matches_its_description() {
    with_idl(|idl| {
        let method = idl.0.methods().find(|method| method.name().as_str() == "Explain").unwrap();
        let ty = method.outputs().next().unwrap().ty();
        for explanation in [explained()].into_iter().chain(explained_barely()) {
            idl.check(&serde_json::to_value(explanation).unwrap(), ty, "explanation");
        }
    });
}

/// A forecast without a time, and a complete history.
#[test]
fn forecasts_and_history_match_their_description() {
    let silent = Forecast {
        bytes_per_hour: None,
        eta_seconds: None,
        eta_low_seconds: None,
        eta_high_seconds: None,
        ..forecast()
    };
    let (time, bytes) = (UnixSeconds(1_780_000_000), Bytes::gib(1));
    let point = PointInfo { time, seconds: 60, min: bytes, mean: bytes, max: bytes };
    let part = SeriesInfo {
        kind: SeriesKind::Part,
        id: "claude-100".into(),
        name: Some("node".into()),
        pid: Pid::new(100),
        uid: Uid::new(1000),
        this_boot: true,
        points: vec![point],
    };
    let guest = SeriesInfo { kind: SeriesKind::Guest, name: None, pid: None, ..part.clone() };
    let breaks = [Some(700), None].map(|seconds| BreakInfo { time, kind: BreakKind::Gap, seconds });
    let history = HistoryInfo {
        now: time,
        since: time,
        series: vec![guest, part],
        breaks: breaks.to_vec(),
        left_out: 1,
    };
    with_idl(|idl| {
        let method = idl.0.methods().find(|method| method.name().as_str() == "History").unwrap();
        idl.check(&serde_json::to_value(history).unwrap(), method.outputs().next().unwrap().ty(), "history");
        let mut status = filled();
        status.guest.forecast = Some(silent);
        let method = idl.0.methods().find(|method| method.name().as_str() == "Status").unwrap();
        idl.check(&serde_json::to_value(status).unwrap(), method.outputs().next().unwrap().ty(), "status");
        let kinds = [SeriesKind::Guest, SeriesKind::Agent, SeriesKind::Part];
        assert_eq!(words(&kinds), idl.variants("SeriesKind"));
        assert_eq!(words(&[BreakKind::Boot, BreakKind::Gap, BreakKind::Clock]), idl.variants("BreakKind"));
        let levels = [ForecastLevel::None, ForecastLevel::Watch, ForecastLevel::Warn, ForecastLevel::Runaway];
        assert_eq!(words(&levels), idl.variants("ForecastLevel"));
        let ceilings = [Ceiling::KillThreshold, Ceiling::Cgroup, Ceiling::Guest, Ceiling::Heap];
        assert_eq!(words(&ceilings), idl.variants("Ceiling"));
    });
}

#[test]
fn events_and_actions_match_their_description() {
    let pid = Pid::new(100).unwrap();
    let filled = EventInfo {
        number: 1,
        time: "2026-11-23T14:02:05Z".into(),
        kind: "act".into(),
        message_id: "19c62cb129aa40019a7afa752ad4d7e3".into(),
        level: EventLevel::Warning,
        agent: Some("claude-100".into()),
        rule: Some("claude".into()),
        pid: Some(pid),
        uid: Some(Uid::new(1000)),
        charge: Bytes::gib(1),
        threshold: Some(Bytes::gib(1)),
        culprit_pid: Some(100),
        culprit_charge: Some(Bytes::gib(1)),
        signal: Some("TERM".into()),
        cause: Some("threshold".into()),
        by: Some(Uid::new(1000)),
        left: Some(Bytes::gib(1)),
        reserve: Some(Bytes::gib(1)),
        eta_seconds: Some(3),
        eta_low_seconds: Some(2),
        eta_high_seconds: Some(4),
        action: Some(1),
        dry_run: Some(false),
        message: "terminating it".into(),
    };
    let bare = EventInfo { number: 2, kind: "safe".into(), ..EventInfo::default() };
    with_idl(|idl| {
        let output = |method: &str| {
            let method = idl.0.methods().find(|m| m.name().as_str() == method).unwrap();
            method.outputs().next().unwrap().ty()
        };
        idl.check(&serde_json::to_value([filled, bare]).unwrap(), output("Events"), "events");
        idl.check(&serde_json::to_value(self::filled().actions.remove(0)).unwrap(), output("Stop"), "action");
        idl.check(&serde_json::to_value(["a note"]).unwrap(), output("Reload"), "notes");
        let limited = LimitInfo {
            scope: "agent-claude-7.scope".to_owned(),
            limit: Bytes::gib(8),
            swap: Bytes::ZERO,
            notes: vec!["a note".to_owned()],
        };
        idl.check(&serde_json::to_value(limited).unwrap(), output("Limit"), "limited");
    });
}

/// Each fault of our interface is described, with its fields.
#[test]
fn every_error_is_described() {
    let text = String::new;
    let faults = [
        MethodError::Busy {},
        MethodError::NoSuchProcess { pid: Pid::new(1).unwrap() },
        MethodError::NoSuchAgent { agent: text() },
        MethodError::NotStopped { agent: text(), reason: text() },
        MethodError::NotLimited { reason: text() },
        MethodError::InvalidConfiguration { problem: text() },
        MethodError::Unconfigured {},
    ];
    with_idl(|idl| {
        let described: BTreeSet<String> = idl.0.errors().map(|e| e.name().as_str().to_owned()).collect();
        let mut sent = BTreeSet::new();
        for error in faults {
            let sent_as = serde_json::to_value(&error).unwrap();
            let name = sent_as["error"].as_str().unwrap().rsplit_once('.').unwrap().1.to_owned();
            let error = idl.0.errors().find(|e| e.name().as_str() == name).unwrap();
            let fields: BTreeSet<_> = error.fields().map(|field| field.name().as_str()).collect();
            let keys: BTreeSet<_> =
                sent_as["parameters"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, keys, "{name}");
            sent.insert(name);
        }
        assert_eq!(sent, described);
    });
}

/// The words of an enum as they are sent.
fn words<T: Serialize>(values: &[T]) -> BTreeSet<String> {
    let word = |value| serde_json::to_value(value).unwrap().as_str().unwrap().to_owned();
    values.iter().map(word).collect()
}

#[test]
fn every_word_of_an_explanation_is_described() {
    with_idl(|idl| {
        let parts = [ProcessPart::Exe, ProcessPart::Script, ProcessPart::Module, ProcessPart::Argv0];
        assert_eq!(words(&parts), idl.variants("ProcessPart"));
        let reasons = [
            MembershipReason::Root,
            MembershipReason::Child,
            MembershipReason::Session,
            MembershipReason::Environment,
            MembershipReason::Scope,
        ];
        assert_eq!(words(&reasons), idl.variants("MembershipReason"));
        let statuses =
            [SharesStatus::Done, SharesStatus::TimedOut, SharesStatus::Refused, SharesStatus::Hidden];
        assert_eq!(words(&statuses), idl.variants("SharesStatus"));
        let uses = [CgroupUse::Own, CgroupUse::Shared, CgroupUse::Unknown];
        assert_eq!(words(&uses), idl.variants("CgroupUse"));
    });
}

#[test]
fn every_word_of_an_enum_is_described() {
    let words = |values: Vec<Value>| -> BTreeSet<String> {
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let verdicts = [Verdict::Ok, Verdict::Warning, Verdict::Critical, Verdict::Unknown];
    let levels = [AgentLevel::Ok, AgentLevel::Warned, AgentLevel::Acting];
    // A new word stops the compiler here.
    for verdict in verdicts {
        match verdict {
            Verdict::Ok | Verdict::Warning | Verdict::Critical | Verdict::Unknown => {}
        }
    }
    for level in levels {
        match level {
            AgentLevel::Ok | AgentLevel::Warned | AgentLevel::Acting => {}
        }
    }
    with_idl(|idl| {
        let sent = words(verdicts.iter().map(|verdict| serde_json::to_value(verdict).unwrap()).collect());
        assert_eq!(sent, idl.variants("Verdict"));
        let sent = words(levels.iter().map(|level| serde_json::to_value(level).unwrap()).collect());
        assert_eq!(sent, idl.variants("AgentLevel"));
    });
}

#[test]
fn types_methods_and_errors_have_names_of_their_own() {
    // They share one namespace; the Python client and `varlinkctl` refuse an interface where two clash.
    with_idl(|idl| {
        let types = idl.0.custom_types().map(|custom| custom.name().as_str());
        let methods = idl.0.methods().map(|method| method.name().as_str());
        let errors = idl.0.errors().map(|error| error.name().as_str());
        let names: Vec<_> = types.chain(methods).chain(errors).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "{names:?}");
        assert_eq!(idl.0.name().as_str(), claude_watchdog::ipc::INTERFACE);
    });
}
