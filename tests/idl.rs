//! The interface description is written by hand; here it is held against what is really sent.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;

use claude_watchdog::ipc::DESCRIPTION;
use claude_watchdog::model::guest::Stall;
use claude_watchdog::model::status::{
    ActionInfo, AgentInfo, AgentLevel, CulpritInfo, Forecast, GuestInfo, StatusInfo, Verdict,
};
use claude_watchdog::model::{Bytes, Pid, Pressure, Uid};
use serde_json::Value;
use zlink::idl::{CustomType, Interface, Type};

/// Every field filled and no list empty. Written out in full, so that a new field cannot be forgotten here.
fn filled() -> StatusInfo {
    let pid = Pid::new(100).unwrap();
    let bytes = Bytes::gib(1);
    let stall = Stall { avg10: 0.5, avg60: 0.5, avg300: 0.5, total_usec: 7 };
    let culprit = CulpritInfo { pid, charge: bytes, command: Some("node".into()) };
    StatusInfo {
        version: StatusInfo::VERSION,
        verdict: Verdict::Critical,
        guest: GuestInfo {
            mem_total: bytes,
            mem_available: bytes,
            swap_total: bytes,
            swap_free: bytes,
            pressure: Some(Pressure { some: stall, full: stall }),
            forecast: Some(Forecast {}),
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
            warn_line: bytes,
            kill_line: bytes,
            level: AgentLevel::Acting,
            scope: Some("agent-claude-1.scope".into()),
            limit: Some(bytes),
            forecast: Some(Forecast {}),
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
            line: bytes,
            culprit: Some(culprit),
            signals: vec!["TERM".into()],
            dry_run: false,
            outcome: "done".into(),
            resume: Some("claude --resume 1".into()),
        }],
        notes: vec!["a dry run".into()],
    }
}

/// The same with everything null that may be.
fn bare() -> StatusInfo {
    let mut status = filled();
    status.guest.pressure = None;
    status.guest.forecast = None;
    for agent in &mut status.agents {
        (agent.parent, agent.cwd, agent.command, agent.scope) = (None, None, None, None);
        (agent.limit, agent.forecast) = (None, None);
        agent.culprits.iter_mut().for_each(|culprit| culprit.command = None);
    }
    for action in &mut status.actions {
        (action.culprit, action.resume) = (None, None);
    }
    status
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
fn what_is_sent_is_what_is_described() {
    with_idl(|idl| {
        let method = idl.0.methods().find(|method| method.name().as_str() == "Status").unwrap();
        let ty = method.outputs().next().unwrap().ty();
        for status in [filled(), bare()] {
            idl.check(&serde_json::to_value(status).unwrap(), ty, "status");
        }
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
