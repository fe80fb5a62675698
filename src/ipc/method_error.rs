//! The errors that go over the socket.

use serde::{Deserialize, Serialize};

use crate::model::Pid;

/// A call that was not answered, under the name that Varlink gives to the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "parameters")]
pub enum MethodError {
    /// Nothing here knows the interface.
    #[error("the interface `{interface}` is not known to it")]
    #[serde(rename = "org.varlink.service.InterfaceNotFound")]
    InterfaceNotFound {
        /// The interface asked for.
        interface: String,
    },
    /// The interface has no such method.
    #[error("the method `{method}` is not known to it")]
    #[serde(rename = "org.varlink.service.MethodNotFound")]
    MethodNotFound {
        /// The method in full, as it was called.
        method: String,
    },
    /// The method is not to be had in the way it was called.
    #[error("the method `{method}` cannot be called in this way")]
    #[serde(rename = "org.varlink.service.MethodNotImplemented")]
    MethodNotImplemented {
        /// The method in full, as it was called.
        method: String,
    },
    /// A parameter is missing, unknown or of the wrong type.
    #[error("the parameter `{parameter}` is missing, unknown or of another type")]
    #[serde(rename = "org.varlink.service.InvalidParameter")]
    InvalidParameter {
        /// Its name.
        parameter: String,
    },
    /// Too many connections, or too many processes looked at, in all or of this user.
    #[error("it has too much to do; close some connections or try again in a moment")]
    #[serde(rename = "io.moltdown.Watchdog.Busy")]
    Busy {},
    /// There is no such process, or it ended while it was looked at.
    #[error("there is no process {pid}")]
    #[serde(rename = "io.moltdown.Watchdog.NoSuchProcess")]
    NoSuchProcess {
        /// Which.
        pid: Pid,
    },
    /// No agent is called so, or it ended meanwhile.
    #[error("there is no agent {agent:?}; `vm-health-check` lists them")]
    #[serde(rename = "io.moltdown.Watchdog.NoSuchAgent")]
    NoSuchAgent {
        /// Which.
        agent: String,
    },
    /// The caller is neither the owner nor root.
    #[error("only its owner and root may do that")]
    #[serde(rename = "org.varlink.service.PermissionDenied")]
    PermissionDenied {},
    /// The agent was to end, and did not.
    #[error("{reason}")]
    #[serde(rename = "io.moltdown.Watchdog.NotStopped")]
    NotStopped {
        /// Which.
        agent: String,
        /// Why not, in one sentence.
        reason: String,
    },
    /// The limit does not hold, and what asked for it is not to be run.
    #[error("{reason}")]
    #[serde(rename = "io.moltdown.Watchdog.NotLimited")]
    NotLimited {
        /// Why not, in one sentence.
        reason: String,
    },
    /// The configuration is wrong, and the one before stays in force.
    #[error("{problem}")]
    #[serde(rename = "io.moltdown.Watchdog.InvalidConfiguration")]
    InvalidConfiguration {
        /// Where, what is wrong, and what would be right.
        problem: String,
    },
    /// There is nobody to answer: a configuration that is wrong keeps the supervisor from starting.
    #[error(
        "it does not run, since its configuration is wrong: `claude-watchdog check-config` says where; then \
         `systemctl start claude-watchdog`"
    )]
    #[serde(rename = "io.moltdown.Watchdog.Unconfigured")]
    Unconfigured {},
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_varlink_error_reply() {
        let error = MethodError::MethodNotFound { method: "a.B".to_owned() };
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(text, r#"{"error":"org.varlink.service.MethodNotFound","parameters":{"method":"a.B"}}"#);
        assert_eq!(serde_json::from_str::<MethodError>(&text).unwrap(), error);
        let busy = serde_json::to_string(&MethodError::Busy {}).unwrap();
        assert_eq!(busy, r#"{"error":"io.moltdown.Watchdog.Busy","parameters":{}}"#);
    }
}
