//! The monitor of `claude-watchdog run --report`: the command and the shell see no difference.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

mod fake;
mod job;
mod terminal;
mod world;

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::Ordering;

use claude_watchdog::api::resume::Resume;
use fake::FakeDaemon;
use rustix::process::Signal;
use world::{NOTES, World, pid_of, send, state, until};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_exit_status_is_the_commands_own() {
    let world = World::new("exit 7");
    assert_eq!(world.run("", "./prog").status.code(), Some(7));
    assert_eq!(world.run("", "/nowhere").status.code(), Some(127));
    assert_eq!(world.run("", "/etc/passwd").status.code(), Some(126));
    assert_eq!(world.run("--restart=sometimes", "./prog").status.code(), Some(125));
    let limited = world.line("", "./prog").replace(" --best-effort", "");
    let output = world.shell(&limited).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "no daemon");
    assert!(text(&output.stderr).contains("the command was not run"), "{}", text(&output.stderr));
    let ignored = world.line("", "./prog");
    let output = world.shell(&format!("exec sh -c \"trap '' CHLD; exec {ignored}\"")).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "with SIGCHLD ignored by the parent");
}

#[test]
fn ignored_and_blocked_signals_are_inherited() {
    let world = World::new("exec grep -E '^Sig(Ign|Blk)' /proc/self/status");
    let with_monitor = world.line("", "./prog");
    let in_place = with_monitor.replace(" --report", "");
    for ignored in ["", "PIPE", "HUP", "CHLD", "INT QUIT PIPE TERM"] {
        let seen = |line: &str| {
            let trap = if ignored.is_empty() { String::new() } else { format!("trap \"\" {ignored};") };
            let output = world.shell(&format!("exec sh -c '{trap} exec {line}'")).output().unwrap();
            text(&output.stdout).to_owned()
        };
        let directly = seen("./prog");
        assert!(directly.contains("SigIgn"), "{directly}");
        assert_eq!(seen(&in_place), directly, "in place, {ignored} ignored");
        assert_eq!(seen(&with_monitor), directly, "with a monitor, {ignored} ignored");
    }
}

#[test]
fn the_monitor_dies_by_the_signal_without_a_core() {
    for signal in [Signal::TERM, Signal::KILL, Signal::QUIT, Signal::SEGV, Signal::USR1] {
        let number = signal.as_raw();
        // bash ignores QUIT from any sender.
        let world = World::new(&format!("exec sh -c 'ulimit -c unlimited; kill -{number} $$; sleep 100'"));
        let output = world.run("", "./prog");
        assert_eq!(output.status.signal(), Some(number), "{:?} {}", output.status, text(&output.stderr));
        assert!(!output.status.core_dumped());
        assert!(
            !text(&output.stderr).contains(" killed "),
            "not killed for memory: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_signal_to_the_monitor_reaches_the_command_once() {
    let world = World::new(NOTES);
    let mut monitor = world.monitor("", "./prog").spawn().unwrap();
    let [command, monitor_pid, group] = world.started();
    assert_eq!((monitor_pid, group), (pid_of(&monitor), pid_of(&monitor)), "one process group");
    assert_ne!(command, monitor_pid);
    let signals = [
        (Signal::INT, "INT"),
        (Signal::TERM, "TERM"),
        (Signal::HUP, "HUP"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::WINCH, "WINCH"),
        (Signal::ALARM, "ALRM"),
    ];
    for (signal, name) in signals {
        send(monitor_pid, signal);
        world.wait_for(name);
    }
    // It is running already, so this must not be forwarded.
    send(monitor_pid, Signal::CONT);
    send(monitor_pid, Signal::USR2);
    assert_eq!(monitor.wait().unwrap().code(), Some(5));
    for (_, name) in signals {
        assert_eq!(world.noted(name), 1, "{:?}", world.log());
    }
    assert_eq!(world.noted("CONT"), 0, "{:?}", world.log());
}

/// Without a shell that would continue it, the monitor does not stop: it would never see the exit.
#[test]
fn without_job_control_the_monitor_does_not_stop() {
    let world = World::new(NOTES);
    // A session of its own, without job control.
    let line = format!("exec setsid --fork --wait {}", world.line("", "./prog"));
    let mut shell = world.shell(&line).spawn().unwrap();
    let [command, monitor_pid, _] = world.started();
    send(command, Signal::STOP);
    until("the command is stopped", || state(command) == Some('T'));
    send(command, Signal::CONT);
    world.wait_for("CONT");
    assert_ne!(state(monitor_pid), Some('T'));
    send(command, Signal::STOP);
    until("the command is stopped", || state(command) == Some('T'));
    send(monitor_pid, Signal::CONT);
    until("the command continues", || world.noted("CONT") == 2);
    send(monitor_pid, Signal::USR2);
    assert_eq!(shell.wait().unwrap().code(), Some(5));
}

/// As below `nsenter --pid`: numbers of our session and group are 0 there.
#[test]
fn the_monitor_works_in_another_pid_namespace() {
    let world = World::new(
        r"trap 'echo USR1 >>log' USR1
        kill -USR1 $PPID
        (sleep 0.2; kill -CONT $$) & kill -STOP $$
        until grep -q USR1 log; do sleep 0.02; done
        exit 5",
    );
    let alone = "unshare --user --map-root-user --pid --fork --mount-proc";
    if !world.shell(&format!("{alone} true")).status().unwrap().success() {
        // Container engines forbid it by default.
        eprintln!("skipped: no right to create a pid namespace");
        return;
    }
    let fake = FakeDaemon::start(&world, "threshold", |_| false, None);
    let inside = format!("{}; exit $?", world.line("", "./prog"));
    let output = world.shell(&format!("exec {alone} bash -c '{inside}'")).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(5), ""));
    assert_eq!(fake.limits.load(Ordering::SeqCst), 1, "the daemon outside of it is reachable");
}

#[test]
fn the_command_outlives_a_killed_monitor() {
    let world = World::new(NOTES);
    let mut monitor = world.monitor("", "./prog").spawn().unwrap();
    let [command, monitor_pid, _] = world.started();
    send(monitor_pid, Signal::KILL);
    assert_eq!(monitor.wait().unwrap().signal(), Some(9));
    send(command, Signal::USR1);
    world.wait_for("USR1");
    send(command, Signal::USR2);
}

#[test]
fn a_command_killed_for_memory_is_reported_and_restarted() {
    let world = World::new("echo \"run $*\" >>log; [[ $1 == resume ]] && exit 3; kill -TERM $$; sleep 100");
    let resume = Resume::new("prog resume 'a b'", Some(world.path("").display().to_string()));
    let fake = FakeDaemon::start(&world, "threshold", |number| number == 1, Some(resume));
    let output = world.run("--restart=on-oom", "./prog first");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(world.log(), ["run first", "run resume a b"]);
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "a normal exit is not reported: {said}");
    for wanted in
        ["claude-watchdog killed prog (pid ", "limit 300M", "restarting in 1s (1 of 5", "./prog resume a b"]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(fake.limits.load(Ordering::SeqCst), 2, "each run has its own limit");
}

#[test]
fn without_restart_the_kill_is_only_reported() {
    let world = World::new("kill -TERM $$; sleep 100");
    let fake = FakeDaemon::start(&world, "guard", |_| true, Some(Resume::new("prog resume", None)));
    let output = world.run("", "./prog");
    assert_eq!(output.status.signal(), Some(15));
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("resume with: prog resume"), "{said}");
    assert!(said.contains("action 1795000000-1"), "{said}");
    assert_eq!(fake.limits.load(Ordering::SeqCst), 1);
}

#[test]
fn a_requested_stop_is_not_restarted() {
    let world = World::new("kill -TERM $$; sleep 100");
    let fake = FakeDaemon::start(&world, "request", |_| true, None);
    let output = world.run("--restart=on-oom", "./prog");
    assert_eq!((output.status.signal(), text(&output.stderr)), (Some(15), ""));
    assert_eq!(fake.limits.load(Ordering::SeqCst), 1);
}

#[test]
fn an_interrupt_during_the_pause_cancels_the_restart() {
    use std::io::{BufRead, BufReader};
    let world = World::new("kill -KILL $$; sleep 100");
    let fake = FakeDaemon::start(&world, "threshold", |_| true, None);
    let mut monitor = world.monitor("--restart=on-oom", "./prog").spawn().unwrap();
    let mut lines = BufReader::new(monitor.stderr.take().unwrap()).lines();
    let again =
        lines.by_ref().map(Result::unwrap).find(|line| line.contains("restarting in 4s (3 of 5")).unwrap();
    assert!(again.contains("original command, since its resume command is not known: ./prog"), "{again}");
    send(pid_of(&monitor), Signal::INT);
    assert_eq!(monitor.wait().unwrap().signal(), Some(2));
    assert_eq!(fake.limits.load(Ordering::SeqCst), 3);
}
