//! An interactive shell in its own terminal (`script(1)`).

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use super::world::World;

pub(super) struct Terminal {
    script: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    /// Starts `shell` in it; `None` without `script`.
    pub(super) fn open(world: &World, shell: &str) -> Option<Self> {
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", shell, "/dev/null"]).current_dir(world.path(""));
        command.env("TERM", "dumb").env("PS1", "$ ").env_remove("PROMPT_COMMAND");
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut script = spawned.ok()?;
        let (keys, mut shown) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let screen = Arc::new(Mutex::new(String::new()));
        let copy = Arc::clone(&screen);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = shown.read(&mut chunk) {
                copy.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..length]));
            }
        });
        Some(Self { script, keys, screen })
    }

    /// Presses keys.
    pub(super) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types a line and Enter.
    pub(super) fn type_in(&mut self, line: &str) {
        self.press(&format!("{line}\n"));
    }

    pub(super) fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the screen:\n{}", self.screen());
        }
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
