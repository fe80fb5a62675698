//! From a call to its answer.

use std::time::Duration;

use serde::Serialize;

use crate::api::event_log::Unread;
use crate::api::history::HistoryInfo;
use crate::api::status::{ActionInfo, StatusInfo};
use crate::api::{
    event_log::EventInfo,
    explanation::Explanation,
    limited::{LimitInfo, LimitRequest},
};
use crate::ipc::codec::Call;
use crate::ipc::parameters::Parameters;
use crate::ipc::{DESCRIPTION, INTERFACE, MethodError, VARLINK, VARLINK_DESCRIPTION};
use crate::model::Pid;

/// What is told of the past where nobody says how much.
const HISTORY: Duration = Duration::from_hours(3);

/// More than is kept.
const LONGEST_HISTORY: Duration = Duration::from_hours(24 * 31);

/// What a call is answered with.
#[derive(Debug)]
pub(super) enum Answer {
    /// Who we are.
    Info(Info),
    /// An interface's text.
    Description(Description),
    /// The status, for which it may be waited so long; again and again where `more` was asked for.
    Status(Option<Duration>),
    /// What one process is; to be found out.
    Explain(Pid),
    /// The newest events, so many; again and again where `more` was asked for.
    Events(Option<usize>),
    /// What was recorded in so long a time.
    History(Duration),
    /// The end of an agent.
    Stop(String),
    /// The configuration, read anew.
    Reload,
    /// A limit for a process.
    Limit(LimitRequest),
}

/// Reply of `org.varlink.service.GetInfo`.
#[derive(Debug, Serialize)]
pub(super) struct Info {
    vendor: &'static str,
    product: &'static str,
    version: &'static str,
    url: &'static str,
    interfaces: [&'static str; 2],
}

/// Reply of `org.varlink.service.GetInterfaceDescription`.
#[derive(Debug, Serialize)]
pub(super) struct Description {
    description: &'static str,
}

/// Reply of `Status`.
#[derive(Debug, Serialize)]
pub(super) struct StatusReply {
    pub(super) status: StatusInfo,
}

/// Reply of `Explain`.
#[derive(Debug, Serialize)]
pub(super) struct ExplainReply {
    pub(super) explanation: Explanation,
}

/// Reply of `Events`.
#[derive(Debug, Serialize)]
pub(super) struct EventsReply {
    pub(super) events: Vec<EventInfo>,
    pub(super) missed: u64,
}

impl From<Unread> for EventsReply {
    fn from(Unread { events, missed, .. }: Unread) -> Self {
        Self { events, missed }
    }
}

/// Reply of `History`.
#[derive(Debug, Serialize)]
pub(super) struct HistoryReply {
    pub(super) history: HistoryInfo,
}

/// Reply of `Stop`.
#[derive(Debug, Serialize)]
pub(super) struct StopReply {
    pub(super) action: ActionInfo,
}

/// Reply of `Reload`.
#[derive(Debug, Serialize)]
pub(super) struct ReloadReply {
    pub(super) notes: Vec<String>,
}

/// Reply of `Limit`.
#[derive(Debug, Serialize)]
pub(super) struct LimitReply {
    pub(super) limited: LimitInfo,
}

/// Finds out what `call` asks for.
pub(super) fn dispatch(call: &Call) -> Result<Answer, MethodError> {
    let method = || call.method.clone();
    let (interface, name) =
        call.method.rsplit_once('.').ok_or_else(|| MethodError::MethodNotFound { method: method() })?;
    let mut parameters = Parameters::of(call.parameters.as_deref())?;
    let answer = match (interface, name) {
        (VARLINK, "GetInfo") => Answer::Info(info()),
        (VARLINK, "GetInterfaceDescription") => Answer::Description(describe(parameters.take("interface")?)?),
        (INTERFACE, "Status") => {
            let wait: Option<u64> = parameters.take_optional("max_wait_ms")?;
            Answer::Status(wait.map(Duration::from_millis))
        }
        (INTERFACE, "Explain") => Answer::Explain(pid(parameters.take("pid")?)?),
        (INTERFACE, "Events") => Answer::Events(parameters.take_optional("last")?),
        (INTERFACE, "History") => {
            let since: Option<u64> = parameters.take_optional("since_seconds")?;
            Answer::History(since.map_or(HISTORY, Duration::from_secs).min(LONGEST_HISTORY))
        }
        (INTERFACE, "Stop") => Answer::Stop(parameters.take("agent")?),
        (INTERFACE, "Reload") => Answer::Reload,
        (INTERFACE, "Limit") => Answer::Limit(LimitRequest {
            limit: parameters.take("limit")?,
            swap: parameters.take_optional("swap")?,
            name: parameters.take_optional("name")?,
            pid: parameters.take_optional("pid")?.map(pid).transpose()?,
        }),
        (VARLINK | INTERFACE, _) => return Err(MethodError::MethodNotFound { method: method() }),
        _ => return Err(MethodError::InterfaceNotFound { interface: interface.to_owned() }),
    };
    parameters.finish()?;
    if call.upgrade {
        return Err(MethodError::MethodNotImplemented { method: method() });
    }
    Ok(answer)
}

/// A number that can be a process: never zero or below, and no more than the kernel's type holds.
fn pid(number: i64) -> Result<Pid, MethodError> {
    let pid = i32::try_from(number).ok().and_then(Pid::new);
    pid.ok_or_else(|| MethodError::InvalidParameter { parameter: "pid".to_owned() })
}

fn info() -> Info {
    Info {
        vendor: "moltdown",
        product: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        url: env!("CARGO_PKG_REPOSITORY"),
        interfaces: [VARLINK, INTERFACE],
    }
}

fn describe(interface: String) -> Result<Description, MethodError> {
    match interface.as_str() {
        VARLINK => Ok(Description { description: VARLINK_DESCRIPTION }),
        INTERFACE => Ok(Description { description: DESCRIPTION }),
        _ => Err(MethodError::InterfaceNotFound { interface }),
    }
}
