//! Reloads the configuration on a thread of its own.

use std::ffi::OsString;
use std::fs;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::config;
use crate::daemon::config_load::{LoadedConfig, load};
use crate::daemon::options::Options;
use crate::ipc::MethodError;
use crate::model::Uid;
use crate::quota::{Quota, RELOADS};

/// Timeout for reading the files: they are small, but may be on a disk that hangs.
const READ_TIMEOUT: Duration = Duration::from_secs(4);

/// Reads the configuration that the supervisor was started with.
#[derive(Debug)]
pub(crate) struct Reloader {
    options: Options,
    uid: Uid,
    environment: ServiceEnvironment,
    quota: Quota,
}

/// The environment variables in force. Those of our own process are as old as it is, so variables that the service manager
/// took from its environment file are read from that file again.
#[derive(Clone, Debug)]
struct ServiceEnvironment {
    /// Text of that file at startup; `None` if the process was started without it.
    at_start: Option<String>,
}

impl Reloader {
    pub(crate) fn new(options: &Options, uid: Uid) -> Self {
        Self {
            options: options.clone(),
            uid,
            environment: ServiceEnvironment::at_start(options, uid),
            quota: Quota::new(RELOADS),
        }
    }

    /// Reads the configuration again.
    ///
    /// # Errors
    /// [`MethodError::InvalidConfiguration`] if it is invalid or cannot be read in time; [`MethodError::Busy`] while another
    /// reload is in progress.
    pub(crate) async fn load(&self) -> Result<LoadedConfig, MethodError> {
        let permit = self.quota.try_acquire(self.uid).ok_or(MethodError::Busy {})?;
        let (sender, loaded) = oneshot::channel();
        let (options, uid, environment) = (self.options.clone(), self.uid, self.environment.clone());
        // Not tokio's blocking pool: shutdown would wait for a thread there that hangs.
        let reading = thread::Builder::new().name("reload".to_owned()).spawn(move || {
            let _permit = permit;
            let fresh = environment.fresh();
            let _ = sender.send(load(&options, uid, &fresh));
        });
        let invalid = |problem: String| MethodError::InvalidConfiguration { problem };
        reading.map_err(|error| invalid(format!("the configuration cannot be read: {error}")))?;
        match timeout(READ_TIMEOUT, loaded).await {
            Ok(Ok(loaded)) => loaded.map_err(|error| invalid(error.to_string())),
            Ok(Err(_)) | Err(_) => Err(invalid(format!(
                "the configuration could not be read within {} s",
                READ_TIMEOUT.as_secs()
            ))),
        }
    }
}

impl ServiceEnvironment {
    fn at_start(options: &Options, uid: Uid) -> Self {
        // systemd sets INVOCATION_ID for the services it starts; otherwise the file does not apply.
        let service =
            uid == Uid::ROOT && options.config.is_none() && std::env::var_os("INVOCATION_ID").is_some();
        Self { at_start: service.then(file) }
    }

    fn fresh(self) -> impl Fn(&str) -> Option<OsString> {
        let now = self.at_start.as_ref().map(|_| file());
        move |name| value(name, std::env::var_os(name), self.at_start.as_deref(), now.as_deref())
    }
}

/// The value in force: the current one of the file. A value that came from the file at startup and is no longer in it does
/// not apply.
fn value(name: &str, own: Option<OsString>, before: Option<&str>, now: Option<&str>) -> Option<OsString> {
    let in_file = |text: Option<&str>| text.and_then(|text| config::lookup_variable(text, name));
    let gone = in_file(before).is_some_and(|before| Some(&before) == own.as_ref());
    in_file(now).or_else(|| own.filter(|_| !gone))
}

fn file() -> String {
    // The file is optional, and the unit treats an unreadable one as missing.
    fs::read_to_string(config::ENVIRONMENT_FILE).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_file_overrides_variables_from_startup() {
        let of = |own: Option<&str>, before, now| {
            value("A", own.map(OsString::from), before, now).map(|value| value.into_string().unwrap())
        };
        assert_eq!(of(Some("1"), None, None).as_deref(), Some("1"), "not a service: its own");
        assert_eq!(of(Some("1"), Some("A=1"), Some("A=2")).as_deref(), Some("2"));
        assert_eq!(of(Some("1"), Some("A=1"), Some("")), None, "taken out of the file");
        assert_eq!(of(Some("9"), Some("A=1"), Some("")).as_deref(), Some("9"), "from a drop-in of the unit");
        assert_eq!(of(None, Some(""), Some("A=3")).as_deref(), Some("3"));
    }
}
