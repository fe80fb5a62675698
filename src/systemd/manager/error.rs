//! Why the manager did not do it.

/// Why a unit is not as it was to be.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// Nobody is there who manages units.
    #[error("no service manager answers: {source}")]
    Absent {
        /// What the bus said.
        source: zbus::Error,
    },
    /// The name is taken.
    #[error("there is a unit {unit} already")]
    Exists {
        /// The unit.
        unit: String,
    },
    /// The manager said no.
    #[error("the service manager refuses {unit}: {reason}")]
    Refused {
        /// The unit.
        unit: String,
        /// What it said.
        reason: String,
    },
    /// The unit was to start and did not.
    #[error("the start of {unit} ended with `{result}`")]
    Job {
        /// The unit.
        unit: String,
        /// `failed`, `timeout`, … as in `JobRemoved`.
        result: String,
    },
}

impl ManagerError {
    pub(super) fn of(unit: &str, source: zbus::Error) -> Self {
        let unit = unit.to_owned();
        match source {
            zbus::Error::MethodError(name, ..) if name.as_str() == "org.freedesktop.systemd1.UnitExists" => {
                Self::Exists { unit }
            }
            zbus::Error::MethodError(_, text, _) => {
                Self::Refused { unit, reason: text.unwrap_or_else(|| "it says not why".to_owned()) }
            }
            other => Self::Refused { unit, reason: other.to_string() },
        }
    }
}

/// Whether one of the properties is none that the manager knows for such a unit.
pub(super) fn is_unknown_property(error: &zbus::Error) -> bool {
    // `bus_unit_set_properties` of systemd's dbus-unit.c: "Cannot set property …, or unknown property."
    matches!(error, zbus::Error::FDO(error) if matches!(**error, zbus::fdo::Error::PropertyReadOnly(_)))
}
