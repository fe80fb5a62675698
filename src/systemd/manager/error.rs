//! Errors of the service manager.

/// Why the service manager did not carry out a call.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// The bus or the manager is absent.
    #[error("the service manager does not answer: {source}")]
    Absent {
        /// The error of the bus.
        source: zbus::Error,
    },
    /// A unit of that name exists.
    #[error("the unit {unit} exists already")]
    Exists {
        /// The unit.
        unit: String,
    },
    /// The manager refused the call.
    #[error("the service manager refuses {unit}: {reason}")]
    Refused {
        /// The unit.
        unit: String,
        /// Its reason.
        reason: String,
    },
    /// The unit's start job failed.
    #[error("the start of {unit} failed with `{result}`")]
    Job {
        /// The unit.
        unit: String,
        /// `failed`, `timeout`, … as in `JobRemoved`.
        result: String,
    },
}

impl ManagerError {
    pub(super) fn new(unit: &str, source: zbus::Error) -> Self {
        let unit = unit.to_owned();
        match source {
            zbus::Error::MethodError(name, ..) if name.as_str() == "org.freedesktop.systemd1.UnitExists" => {
                Self::Exists { unit }
            }
            zbus::Error::MethodError(_, text, _) => {
                Self::Refused { unit, reason: text.unwrap_or_else(|| "no reason given".to_owned()) }
            }
            other => Self::Refused { unit, reason: other.to_string() },
        }
    }
}

/// Whether the manager refused a property as unknown for that type of unit.
pub(super) fn is_unknown_property(error: &zbus::Error) -> bool {
    // `bus_unit_set_properties` of systemd's dbus-unit.c: "Cannot set property …, or unknown property."
    matches!(error, zbus::Error::FDO(error) if matches!(**error, zbus::fdo::Error::PropertyReadOnly(_)))
}
