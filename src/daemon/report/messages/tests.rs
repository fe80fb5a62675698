use std::collections::HashSet;

use super::*;
use crate::model::event::{Cause, Culprit, Danger, Decision, Failure, KilledProcess, NoActionReason};
use crate::model::forecast::{Ceiling, ForecastAlert, ForecastLevel};
use crate::model::testing::key;
use crate::model::{AgentRef, Bytes, BytesPerSecond, Signal, Uid};

fn event(charge: Bytes, kind: EventKind) -> Event {
    let root = key(1234);
    let agent = AgentRef {
        resume: Some("claude --continue".into()),
        resume_session: Some("claude --resume 7a1c".into()),
        ..AgentRef::new("claude", root, Uid::new(1000))
    };
    Event { agent: Some(agent), charge, kind }
}

fn decision(culprit: Culprit, whole: bool, dry_run: bool) -> EventKind {
    EventKind::Acted(Decision {
        cause: Cause::Threshold,
        grown: Bytes::ZERO,
        agents: 1,
        signal: Signal::Term,
        action: 1,
        threshold: Bytes::gib(13),
        shortfall: Bytes::mib(5300),
        culprit,
        whole,
        processes: 4,
        grace: Duration::from_secs(10),
        dry_run,
    })
}

fn danger(rate: u64, thrashing: bool) -> Danger {
    let rate = BytesPerSecond::mebi(rate);
    Danger { left: Bytes::mib(510), reserve: Bytes::mib(640), rate, thrashing }
}

fn guarded(culprit: &Culprit, whole: bool, agents: usize, danger: Danger) -> EventKind {
    let EventKind::Acted(decision) = decision(culprit.clone(), whole, false) else { unreachable!() };
    let grown = if danger.thrashing { Bytes::ZERO } else { Bytes::mib(2600) };
    let signal = if agents > 1 { Signal::Kill } else { Signal::Term };
    let (cause, shortfall) = (Cause::Guard(danger), Bytes::mib(1300));
    EventKind::Acted(Decision { cause, shortfall, grown, agents, signal, ..decision })
}

fn sliced(culprit: &Culprit) -> EventKind {
    let EventKind::Acted(decision) = guarded(culprit, false, 1, danger(200, false)) else { unreachable!() };
    let Cause::Guard(danger) = decision.cause else { unreachable!() };
    EventKind::Acted(Decision { cause: Cause::Slice { danger, cap: Bytes::gib(10) }, ..decision })
}

fn requested(culprit: &Culprit, by: u32, agents: usize) -> EventKind {
    let EventKind::Acted(decision) = decision(culprit.clone(), true, false) else { unreachable!() };
    EventKind::Acted(Decision { cause: Cause::Request { by: Uid::new(by) }, agents, ..decision })
}

fn alert(ceiling: Ceiling, minutes: u64) -> ForecastAlert {
    let eta = Duration::from_mins(minutes);
    let level = if minutes < 10 { ForecastLevel::Runaway } else { ForecastLevel::Warn };
    ForecastAlert { level, ceiling, limit: Bytes::gib(13), eta, between: (eta / 2, eta * 2) }
}

fn of_guest(kind: EventKind) -> Event {
    Event { agent: None, charge: Bytes::mib(900), kind }
}

fn all() -> Vec<Event> {
    let culprit = Culprit { top: key(4321), name: "node".into(), charge: Bytes::mib(12_700), processes: 1 };
    let (leak, lost) =
        (culprit.clone(), KilledProcess { key: key(4321), name: "node".into(), charge: Bytes::mib(1900) });
    vec![
        event(Bytes::mib(240), EventKind::Found),
        event(Bytes::mib(8300), EventKind::Warned { threshold: Bytes::gib(8) }),
        event(Bytes::mib(13_400), decision(culprit.clone(), false, false)),
        event(Bytes::mib(13_400), decision(culprit.clone(), false, true)),
        event(Bytes::mib(13_400), decision(culprit.clone(), true, false)),
        event(Bytes::gib(6), guarded(&culprit, false, 1, danger(200, false))),
        event(Bytes::gib(6), guarded(&culprit, true, 1, danger(0, true))),
        event(Bytes::gib(6), guarded(&culprit, false, 3, danger(3000, false))),
        event(Bytes::gib(6), requested(&culprit, 1000, 1)),
        event(Bytes::gib(6), requested(&culprit, 0, 3)),
        event(Bytes::gib(6), EventKind::Escalated { action: 1, culprit: culprit.clone(), whole: false }),
        event(Bytes::gib(6), EventKind::Escalated { action: 1, culprit, whole: true }),
        event(Bytes::gib(14), EventKind::RestartBackoff { actions: 1, wait: Duration::from_secs(10) }),
        event(Bytes::gib(14), EventKind::RestartBackoff { actions: 3, wait: Duration::from_secs(40) }),
        event(Bytes::gib(6), EventKind::ForecastAlert(alert(Ceiling::KillThreshold, 42))),
        event(Bytes::gib(6), EventKind::ForecastAlert(alert(Ceiling::Heap, 2))),
        event(Bytes::gib(6), EventKind::ForecastCleared),
        of_guest(EventKind::ForecastAlert(alert(Ceiling::Guest, 90))),
        of_guest(EventKind::ForecastCleared),
        of_guest(EventKind::GuestInDanger { danger: danger(0, false), why: NoActionReason::NoAgents }),
        of_guest(EventKind::GuestInDanger { danger: danger(12, false), why: NoActionReason::Outside }),
        of_guest(EventKind::GuestInDanger {
            danger: danger(0, true),
            why: NoActionReason::TooSmall { shortfall: Bytes::mib(290) },
        }),
        of_guest(EventKind::GuestInDanger { danger: danger(0, false), why: NoActionReason::OutOfReach }),
        of_guest(EventKind::GuestInDanger { danger: danger(0, false), why: NoActionReason::Off }),
        event(
            Bytes::gib(2),
            EventKind::KernelOom { kills: 1, lost: Some(lost.clone()), limit: Some(Bytes::gib(2)) },
        ),
        event(Bytes::gib(6), EventKind::KernelOom { kills: 3, lost: Some(lost), limit: None }),
        event(Bytes::gib(2), EventKind::KernelOom { kills: 1, lost: None, limit: Some(Bytes::gib(2)) }),
        of_guest(EventKind::KernelOom { kills: 2, lost: None, limit: None }),
        event(Bytes::gib(6), sliced(&leak)),
        of_guest(EventKind::GuestSafe { left: Bytes::gib(3) }),
        event(
            Bytes::mib(13_400),
            EventKind::Signalled { action: 1, signal: Signal::Term, delivered: 3, gone: 1, refused: 0 },
        ),
        event(
            Bytes::mib(13_400),
            EventKind::Signalled { action: 1, signal: Signal::Term, delivered: 0, gone: 0, refused: 2 },
        ),
        event(Bytes::gib(14), EventKind::Killed { action: 1, remaining: 1, after: Duration::from_secs(10) }),
        event(
            Bytes::mib(700),
            EventKind::Ended {
                action: 1,
                freed: Bytes::mib(13_700),
                peak: Bytes::gib(14),
                after: Duration::from_millis(1240),
                back: true,
            },
        ),
        event(Bytes::mib(700), EventKind::Recovered { threshold: Bytes::gib(8) }),
        event(Bytes::gib(14), EventKind::Failed { action: 2, why: Failure::Protected }),
        event(Bytes::gib(14), EventKind::Failed { action: 2, why: Failure::Survivors(2) }),
        event(Bytes::ZERO, EventKind::Gone),
        event(Bytes::ZERO, EventKind::Unknown),
    ]
}

#[test]
fn each_event_says_what_happened_and_why() {
    let events = all();
    let lines = events.iter().map(event_info).map(|info| {
        let level = format!("{:?}", info.level).to_uppercase();
        format!("{level:7} {:16} {}", info.kind, info.message)
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn message_ids_are_unique_and_documented() {
    let events = all();
    let by_action: HashSet<(&str, &str)> =
        events.iter().map(|event| identity(&event.kind)).map(|(_, id, action)| (action, id)).collect();
    let ids: HashSet<&str> = by_action.iter().map(|(_, id)| *id).collect();
    assert_eq!(by_action.len(), 17);
    assert_eq!(ids.len(), 17);
    let documented = include_str!("../../../../docs/journal.md");
    for (action, id) in by_action {
        assert!(
            documented.lines().any(|l| l.contains(id) && l.contains(&format!("`{action}`"))),
            "{action} {id}"
        );
    }
}

/// A session id comes from an environment, which only its owner may see; the journal has other readers.
#[test]
fn no_message_names_a_session() {
    for info in all().iter().map(event_info) {
        assert!(!info.message.contains("7a1c"), "{}", info.message);
    }
}
