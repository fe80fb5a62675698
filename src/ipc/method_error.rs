//! Errors of the interface, as sent over the socket.

use serde::{Deserialize, Serialize};

use crate::model::Pid;

/// The error reply to a call, serialised under its Varlink name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "parameters")]
pub enum MethodError {
    /// The interface is unknown.
    #[error("unknown interface `{interface}`")]
    #[serde(rename = "org.varlink.service.InterfaceNotFound")]
    InterfaceNotFound {
        /// The interface of the call.
        interface: String,
    },
    /// The interface has no such method.
    #[error("unknown method `{method}`")]
    #[serde(rename = "org.varlink.service.MethodNotFound")]
    MethodNotFound {
        /// The full name of the method.
        method: String,
    },
    /// The method does not support the flags of the call.
    #[error("the method `{method}` cannot be called in this way")]
    #[serde(rename = "org.varlink.service.MethodNotImplemented")]
    MethodNotImplemented {
        /// The full name of the method.
        method: String,
    },
    /// A parameter is missing, unknown or of the wrong type.
    #[error("the parameter `{parameter}` is missing, unknown or of another type")]
    #[serde(rename = "org.varlink.service.InvalidParameter")]
    InvalidParameter {
        /// Its name.
        parameter: String,
    },
    /// A quota of connections or requests is used up, of this user or of all.
    #[error("too many connections or requests; close some connections or try again in a moment")]
    #[serde(rename = "io.moltdown.Watchdog.Busy")]
    Busy {},
    /// There is no such process, or it exited while it was read.
    #[error("there is no process {pid}")]
    #[serde(rename = "io.moltdown.Watchdog.NoSuchProcess")]
    NoSuchProcess {
        /// Its pid.
        pid: Pid,
    },
    /// There is no such agent, or it has exited.
    #[error("there is no agent {agent:?}; `vm-health-check` lists them")]
    #[serde(rename = "io.moltdown.Watchdog.NoSuchAgent")]
    NoSuchAgent {
        /// Its id.
        agent: String,
    },
    /// The caller is neither the owner nor root.
    #[error("only its owner and root may do that")]
    #[serde(rename = "org.varlink.service.PermissionDenied")]
    PermissionDenied {},
    /// The agent could not be stopped.
    #[error("{reason}")]
    #[serde(rename = "io.moltdown.Watchdog.NotStopped")]
    NotStopped {
        /// Its id.
        agent: String,
        /// The reason, in one sentence.
        reason: String,
    },
    /// The limit is not in force, so the command must not be run.
    #[error("{reason}")]
    #[serde(rename = "io.moltdown.Watchdog.NotLimited")]
    NotLimited {
        /// The reason, in one sentence.
        reason: String,
    },
    /// The configuration is invalid, and the previous one stays in force.
    #[error("{problem}")]
    #[serde(rename = "io.moltdown.Watchdog.InvalidConfiguration")]
    InvalidConfiguration {
        /// The place, the error and the expected value.
        problem: String,
    },
    /// The supervisor cannot start because its configuration is invalid.
    #[error(
        "it cannot start, because its configuration is invalid: run `claude-watchdog check-config`, then \
         `systemctl start claude-watchdog`"
    )]
    #[serde(rename = "io.moltdown.Watchdog.Unconfigured")]
    Unconfigured {},
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_serialises_as_a_varlink_error_reply() {
        let error = MethodError::MethodNotFound { method: "a.B".to_owned() };
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(text, r#"{"error":"org.varlink.service.MethodNotFound","parameters":{"method":"a.B"}}"#);
        assert_eq!(serde_json::from_str::<MethodError>(&text).unwrap(), error);
        let busy = serde_json::to_string(&MethodError::Busy {}).unwrap();
        assert_eq!(busy, r#"{"error":"io.moltdown.Watchdog.Busy","parameters":{}}"#);
    }
}
