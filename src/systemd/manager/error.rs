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
        match name(&source) {
            Some("org.freedesktop.systemd1.UnitExists") => Self::Exists { unit },
            Some(_) => {
                let zbus::Error::MethodError(_, text, _) = source else {
                    return Self::Refused { unit, reason: source.to_string() };
                };
                Self::Refused { unit, reason: text.unwrap_or_else(|| "it says not why".to_owned()) }
            }
            None => Self::Refused { unit, reason: source.to_string() },
        }
    }
}

/// Whether one of the properties is none that the manager knows for such a unit.
pub(super) fn is_unknown_property(error: &zbus::Error) -> bool {
    // `bus_unit_set_properties` of systemd's dbus-unit.c: "Cannot set property …, or unknown property."
    name(error) == Some("org.freedesktop.DBus.Error.PropertyReadOnly")
}

fn name(error: &zbus::Error) -> Option<&str> {
    match error {
        zbus::Error::MethodError(name, _, _) => Some(name.as_str()),
        _ => None,
    }
}
