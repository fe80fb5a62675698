//! The configuration, read anew while everything goes on.

use std::ffi::OsString;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::config;
use crate::daemon::config_load::{LoadedConfig, load};
use crate::daemon::options::Options;
use crate::ipc::MethodError;
use crate::model::Uid;

/// So long the files may take to be read: they are small, but may lie on a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(4);

/// Reads the configuration that the supervisor was started with, as often as somebody asks for it.
#[derive(Debug)]
pub(crate) struct Reloader {
    options: Options,
    uid: Uid,
    environment: Environment,
    /// It is being read, by a thread that may hang.
    busy: Arc<AtomicBool>,
}

/// The variables that count. Those of our own process are as old as it is; what the service manager took from its file
/// is read there again.
#[derive(Clone, Debug)]
struct Environment {
    /// That file's text when we were started; `None`: it is none of ours.
    at_start: Option<String>,
}

impl Reloader {
    pub(crate) fn new(options: &Options, uid: Uid) -> Self {
        Self {
            options: options.clone(),
            uid,
            environment: Environment::at_start(options, uid),
            busy: Arc::default(),
        }
    }

    /// Reads it again, on a thread aside.
    ///
    /// # Errors
    /// [`MethodError::InvalidConfiguration`] where it is wrong or cannot be read in time; [`MethodError::Busy`] where it is being read.
    pub(crate) async fn load(&self) -> Result<LoadedConfig, MethodError> {
        if self.busy.swap(true, Ordering::Relaxed) {
            return Err(MethodError::Busy {});
        }
        let busy = Free(Arc::clone(&self.busy));
        let (told, loaded) = oneshot::channel();
        let (options, uid, environment) = (self.options.clone(), self.uid, self.environment.clone());
        // Not tokio's pool: leaving would wait for a thread there that hangs.
        let reading = thread::Builder::new().name("reload".to_owned()).spawn(move || {
            let _busy = busy;
            let fresh = environment.fresh();
            let _ = told.send(load(&options, uid, &fresh));
        });
        let wrong = |problem: String| MethodError::InvalidConfiguration { problem };
        reading.map_err(|error| wrong(format!("the configuration cannot be read: {error}")))?;
        match timeout(PATIENCE, loaded).await {
            Ok(Ok(loaded)) => loaded.map_err(|error| wrong(error.to_string())),
            Ok(Err(_)) | Err(_) => {
                Err(wrong(format!("the configuration could not be read within {} s", PATIENCE.as_secs())))
            }
        }
    }
}

struct Free(Arc<AtomicBool>);

impl Drop for Free {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Environment {
    fn at_start(options: &Options, uid: Uid) -> Self {
        // systemd sets INVOCATION_ID for what it starts; elsewhere nobody reads that file for us.
        let service =
            uid == Uid::ROOT && options.config.is_none() && std::env::var_os("INVOCATION_ID").is_some();
        Self { at_start: service.then(file) }
    }

    fn fresh(self) -> impl Fn(&str) -> Option<OsString> {
        let now = self.at_start.as_ref().map(|_| file());
        move |name| value(name, std::env::var_os(name), self.at_start.as_deref(), now.as_deref())
    }
}

/// The value that counts: the file's of now; what came from the file once and is no longer there does not.
fn value(name: &str, own: Option<OsString>, before: Option<&str>, now: Option<&str>) -> Option<OsString> {
    let in_file = |text: Option<&str>| text.and_then(|text| config::lookup(text, name));
    let gone = in_file(before).is_some_and(|before| Some(&before) == own.as_ref());
    in_file(now).or_else(|| own.filter(|_| !gone))
}

fn file() -> String {
    // It need not be there, and the unit takes one that cannot be read for one that is not.
    fs::read_to_string(config::ENVIRONMENT_FILE).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_what_the_file_says_now() {
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
