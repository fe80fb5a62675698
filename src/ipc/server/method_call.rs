//! Parses calls into typed methods.

use std::time::Duration;

use serde::Serialize;

use crate::api::limited::LimitRequest;
use crate::ipc::codec::Call;
use crate::ipc::parameters::Parameters;
use crate::ipc::{DESCRIPTION, INTERFACE, MethodError, VARLINK, VARLINK_DESCRIPTION};
use crate::model::Pid;

/// `since_seconds` of a `History` call without one.
const DEFAULT_HISTORY: Duration = Duration::from_hours(3);

/// Upper bound for `since_seconds`; history is retained for less than 31 days.
const MAX_HISTORY: Duration = Duration::from_hours(24 * 31);

/// A call with its parameters, or the reply where that is always the same.
#[derive(Debug)]
pub(super) enum MethodCall {
    /// Vendor, product and version.
    Info(Info),
    /// An interface's text.
    Description(Description),
    /// The status, waiting at most this long for a fresh one; a stream of them if the call has `more`.
    Status(Option<Duration>),
    /// An explanation of one process.
    Explain(Pid),
    /// The newest events, this many; a stream of them if the call has `more`.
    Events(Option<usize>),
    /// The history recorded in this time until now.
    History(Duration),
    /// Stops an agent.
    Stop(String),
    /// Reloads the configuration.
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

/// Parses the method and its parameters.
pub(super) fn parse(call: &Call) -> Result<MethodCall, MethodError> {
    let method = || call.method.clone();
    let (interface, name) =
        call.method.rsplit_once('.').ok_or_else(|| MethodError::MethodNotFound { method: method() })?;
    let mut parameters = Parameters::parse(call.parameters.as_deref())?;
    let answer = match (interface, name) {
        (VARLINK, "GetInfo") => MethodCall::Info(info()),
        (VARLINK, "GetInterfaceDescription") => {
            MethodCall::Description(describe(parameters.take("interface")?)?)
        }
        (INTERFACE, "Status") => {
            let wait: Option<u64> = parameters.take_optional("max_wait_ms")?;
            MethodCall::Status(wait.map(Duration::from_millis))
        }
        (INTERFACE, "Explain") => MethodCall::Explain(pid(parameters.take("pid")?)?),
        (INTERFACE, "Events") => MethodCall::Events(parameters.take_optional("last")?),
        (INTERFACE, "History") => {
            let since: Option<u64> = parameters.take_optional("since_seconds")?;
            MethodCall::History(since.map_or(DEFAULT_HISTORY, Duration::from_secs).min(MAX_HISTORY))
        }
        (INTERFACE, "Stop") => MethodCall::Stop(parameters.take("agent")?),
        (INTERFACE, "Reload") => MethodCall::Reload,
        (INTERFACE, "Limit") => MethodCall::Limit(LimitRequest {
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

/// A process id: above zero, and within the range of the kernel's type.
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
