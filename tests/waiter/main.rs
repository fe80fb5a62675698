//! The waiter of `claude-watchdog run --report`: nobody notices it but by what it says.

#![allow(clippy::unwrap_used, reason = "in a test it is the message")]

mod fake;
mod job;
mod terminal;
mod world;

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::Ordering;

use claude_watchdog::api::resume::Resume;
use fake::Fake;
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
    assert_eq!(output.status.code(), Some(125), "no supervisor");
    assert!(text(&output.stderr).contains("nothing was run"), "{}", text(&output.stderr));
    let ignored = world.line("", "./prog");
    let output = world.shell(&format!("exec sh -c \"trap '' CHLD; exec {ignored}\"")).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "whatever is inherited");
}

#[test]
fn signals_are_ignored_and_blocked_as_by_whoever_started_it() {
    let world = World::new("exec grep -E '^Sig(Ign|Blk)' /proc/self/status");
    let with_waiter = world.line("", "./prog");
    let in_place = with_waiter.replace(" --report", "");
    for ignored in ["", "PIPE", "HUP", "CHLD", "INT QUIT PIPE TERM"] {
        let seen = |line: &str| {
            let trap = if ignored.is_empty() { String::new() } else { format!("trap \"\" {ignored};") };
            let output = world.shell(&format!("exec sh -c '{trap} exec {line}'")).output().unwrap();
            text(&output.stdout).to_owned()
        };
        let directly = seen("./prog");
        assert!(directly.contains("SigIgn"), "{directly}");
        assert_eq!(seen(&in_place), directly, "in place, {ignored} ignored");
        assert_eq!(seen(&with_waiter), directly, "below a waiter, {ignored} ignored");
    }
}

#[test]
fn it_ends_by_the_commands_signal_and_leaves_no_core() {
    for signal in [Signal::TERM, Signal::KILL, Signal::QUIT, Signal::SEGV, Signal::USR1] {
        let number = signal.as_raw();
        // bash ignores QUIT, whoever sends it.
        let world = World::new(&format!("exec sh -c 'ulimit -c unlimited; kill -{number} $$; sleep 100'"));
        let output = world.run("", "./prog");
        assert_eq!(output.status.signal(), Some(number), "{:?} {}", output.status, text(&output.stderr));
        assert!(!output.status.core_dumped());
        assert!(
            !text(&output.stderr).contains(" ended "),
            "memory was not the cause: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn what_is_sent_to_the_waiter_reaches_the_command_once() {
    let world = World::new(NOTES);
    let mut waiter = world.waiter("", "./prog").spawn().unwrap();
    let [command, its_waiter, group] = world.started();
    assert_eq!((its_waiter, group), (pid_of(&waiter), pid_of(&waiter)), "one process group");
    assert_ne!(command, its_waiter);
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
        send(its_waiter, signal);
        world.wait_for(name);
    }
    // It runs already.
    send(its_waiter, Signal::CONT);
    send(its_waiter, Signal::USR2);
    assert_eq!(waiter.wait().unwrap().code(), Some(5));
    for (_, name) in signals {
        assert_eq!(world.noted(name), 1, "{:?}", world.log());
    }
    assert_eq!(world.noted("CONT"), 0, "{:?}", world.log());
}

/// Without a shell that would continue it, the waiter does not stop: it would never see the end.
#[test]
fn a_command_that_is_stopped_and_continued_by_others_is_waited_for() {
    let world = World::new(NOTES);
    // A session of its own: nobody in it has job control.
    let line = format!("exec setsid --fork --wait {}", world.line("", "./prog"));
    let mut shell = world.shell(&line).spawn().unwrap();
    let [command, its_waiter, _] = world.started();
    send(command, Signal::STOP);
    until("it is stopped", || state(command) == Some('T'));
    send(command, Signal::CONT);
    world.wait_for("CONT");
    assert_ne!(state(its_waiter), Some('T'));
    send(command, Signal::STOP);
    until("it is stopped", || state(command) == Some('T'));
    send(its_waiter, Signal::CONT);
    until("it goes on", || world.noted("CONT") == 2);
    send(its_waiter, Signal::USR2);
    assert_eq!(shell.wait().unwrap().code(), Some(5));
}

/// As below `nsenter --pid`: numbers of our session and group are 0 there.
#[test]
fn a_session_of_another_pid_namespace_is_no_obstacle() {
    let world = World::new(
        r"trap 'echo USR1 >>log' USR1
        kill -USR1 $PPID
        (sleep 0.2; kill -CONT $$) & kill -STOP $$
        until grep -q USR1 log; do sleep 0.02; done
        exit 5",
    );
    let alone = "unshare --user --map-root-user --pid --fork --mount-proc";
    if !world.shell(&format!("{alone} true")).status().unwrap().success() {
        // Not everybody may: a container's engine forbids it as a rule.
        return;
    }
    let fake = Fake::at(&world, "threshold", |_| false, None);
    let inside = format!("{}; exit $?", world.line("", "./prog"));
    let output = world.shell(&format!("exec {alone} bash -c '{inside}'")).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(5), ""));
    assert_eq!(fake.limits.load(Ordering::SeqCst), 1, "a supervisor out there can be talked to");
}

#[test]
fn the_command_outlives_a_waiter_that_is_killed() {
    let world = World::new(NOTES);
    let mut waiter = world.waiter("", "./prog").spawn().unwrap();
    let [command, its_waiter, _] = world.started();
    send(its_waiter, Signal::KILL);
    assert_eq!(waiter.wait().unwrap().signal(), Some(9));
    send(command, Signal::USR1);
    world.wait_for("USR1");
    send(command, Signal::USR2);
}

#[test]
fn what_memory_ended_is_told_in_one_line_and_run_again() {
    let world = World::new("echo \"run $*\" >>log; [[ $1 == resume ]] && exit 3; kill -TERM $$; sleep 100");
    let resume = Resume::new("prog resume 'a b'", Some(world.path("").display().to_string()));
    let fake = Fake::at(&world, "threshold", |number| number == 1, Some(resume));
    let output = world.run("--restart=on-oom", "./prog first");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(world.log(), ["run first", "run resume a b"]);
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "an end by itself is not told: {said}");
    for wanted in
        ["the supervisor ended prog (process ", "limit 300M", "run again in 1s (1 of 5", "./prog resume a b"]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(fake.limits.load(Ordering::SeqCst), 2, "each has a limit of its own");
}

#[test]
fn without_restart_it_is_only_told() {
    let world = World::new("kill -TERM $$; sleep 100");
    let fake = Fake::at(&world, "guard", |_| true, Some(Resume::new("prog resume", None)));
    let output = world.run("", "./prog");
    assert_eq!(output.status.signal(), Some(15));
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("take up its work with: prog resume"), "{said}");
    assert!(said.contains("action 1795000000-1"), "{said}");
    assert_eq!(fake.limits.load(Ordering::SeqCst), 1);
}

#[test]
fn what_somebody_asked_for_is_not_run_again() {
    let world = World::new("kill -TERM $$; sleep 100");
    let fake = Fake::at(&world, "request", |_| true, None);
    let output = world.run("--restart=on-oom", "./prog");
    assert_eq!((output.status.signal(), text(&output.stderr)), (Some(15), ""));
    assert_eq!(fake.limits.load(Ordering::SeqCst), 1);
}

#[test]
fn an_interrupt_ends_the_pause_before_the_next_start() {
    use std::io::{BufRead, BufReader};
    let world = World::new("kill -KILL $$; sleep 100");
    let fake = Fake::at(&world, "threshold", |_| true, None);
    let mut waiter = world.waiter("--restart=on-oom", "./prog").spawn().unwrap();
    let mut lines = BufReader::new(waiter.stderr.take().unwrap()).lines();
    let again =
        lines.by_ref().map(Result::unwrap).find(|line| line.contains("run again in 4s (3 of 5")).unwrap();
    assert!(again.contains("the same command, since how to resume is not known: ./prog"), "{again}");
    send(pid_of(&waiter), Signal::INT);
    assert_eq!(waiter.wait().unwrap().signal(), Some(2));
    assert_eq!(fake.limits.load(Ordering::SeqCst), 3);
}
