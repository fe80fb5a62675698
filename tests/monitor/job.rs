//! The monitor as a job of an interactive shell.

use rustix::process::Signal;

use super::terminal::Terminal;
use super::world::{NOTES, World, send, skip, state, until};

const BASH: &str = "bash --norc --noprofile -i";

#[test]
fn an_interrupt_from_the_keyboard_arrives_once() {
    let world = World::new(NOTES);
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return skip("no script(1)") };
    terminal.type_in(&format!("{}; echo \"code $?\" >>log", world.line("", "./prog")));
    let [_, monitor, _] = world.started();
    terminal.press("\x03");
    world.wait_for("INT");
    terminal.press("\x1c");
    world.wait_for("QUIT");
    // Signals that would be forwarded were sent before this one.
    send(monitor, Signal::USR1);
    world.wait_for("USR1");
    assert_eq!((world.noted("INT"), world.noted("QUIT")), (1, 1), "{:?}", world.log());
    send(monitor, Signal::USR2);
    world.wait_for("code 5");
}

#[test]
fn the_shell_sees_a_death_by_interrupt() {
    let world = World::new("echo started $$ $PPID $$ >>log; exec sleep 100");
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return skip("no script(1)") };
    // An interactive shell skips the rest of a list when a signal killed a part of it.
    terminal.type_in(&world.line("", "./prog"));
    world.started();
    terminal.press("\x03");
    terminal.type_in("echo \"code $?\" >>log");
    world.wait_for("code 130");
}

#[test]
fn a_keyboard_stop_returns_the_terminal_and_fg_continues() {
    let world = World::new(
        "trap 'echo INT >>log' INT; trap 'exit 5' USR2; echo started $$ $PPID $$ >>log
        while :; do sleep 0.02; done",
    );
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return skip("no script(1)") };
    terminal.type_in(&format!("{}; echo \"code $?\" >>log", world.line("", "./prog")));
    let [command, monitor, _] = world.started();
    for round in ["one", "two"] {
        terminal.press("\x1a");
        until("both are stopped", || [command, monitor].iter().all(|pid| state(*pid) == Some('T')));
        terminal.type_in(&format!("jobs >jobs; echo {round} >>log"));
        world.wait_for(round);
        let jobs = std::fs::read_to_string(world.path("jobs")).unwrap();
        assert!(jobs.contains("Stopped") && jobs.lines().count() == 1, "{jobs}");
        terminal.type_in("fg");
        until("both continue", || [command, monitor].iter().all(|pid| state(*pid) != Some('T')));
    }
    terminal.press("\x03");
    world.wait_for("INT");
    send(monitor, Signal::USR2);
    until("the job has exited", || state(monitor).is_none());
}

/// A full-screen program handles SIGTSTP: it resets the terminal and stops itself with SIGSTOP.
#[test]
fn a_command_that_stops_itself_stops_the_monitor() {
    // Without a child: the terminal would stop it, and bash would wait for it before it runs a trap.
    let world = World::new(
        "trap 'echo TSTP >>log; kill -STOP $$' TSTP; trap 'echo CONT >>log' CONT
        trap 'exit 5' USR2; mkfifo pipe; exec 9<>pipe; echo started $$ $PPID $$ >>log
        while :; do read -r -t 0.02 -u 9; done",
    );
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return skip("no script(1)") };
    terminal.type_in(&world.line("", "./prog"));
    let [command, monitor, _] = world.started();
    terminal.press("\x1a");
    world.wait_for("TSTP");
    until("both are stopped", || [command, monitor].iter().all(|pid| state(*pid) == Some('T')));
    terminal.type_in("echo shell >>log");
    world.wait_for("shell");
    terminal.type_in("fg");
    world.wait_for("CONT");
    send(monitor, Signal::USR2);
    until("the job has exited", || state(monitor).is_none());
    assert_eq!((world.noted("TSTP"), world.noted("CONT")), (1, 1), "{:?}", world.log());
    terminal.type_in("echo \"code $?\" >>log");
    world.wait_for("code 5");
}

#[test]
fn a_background_job_that_reads_the_terminal_is_stopped() {
    let world = World::new("echo started $$ $PPID $$ >>log; read -r line; echo \"read $line\" >>log");
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return skip("no script(1)") };
    terminal.type_in(&format!("{} &", world.line("", "./prog")));
    let [command, monitor, _] = world.started();
    until("both are stopped", || [command, monitor].iter().all(|pid| state(*pid) == Some('T')));
    terminal.type_in("fg");
    until("both continue", || [command, monitor].iter().all(|pid| state(*pid) != Some('T')));
    terminal.type_in("hello");
    world.wait_for("read hello");
}

#[test]
fn the_terminal_is_restored_after_a_killed_program() {
    let world = World::new("stty raw -echo; stty -a >during; kill -KILL $$");
    let script = format!("{}; stty -a >after; echo done >>log", world.line("", "./prog"));
    world.program("script", &script);
    // A shell that does not restore the settings itself, as an interactive one does.
    let Some(_terminal) = Terminal::open(&world, "./script") else { return skip("no script(1)") };
    world.wait_for("done");
    let has = |file: &str| std::fs::read_to_string(world.path(file)).unwrap().contains("-icanon");
    assert_eq!((has("during"), has("after")), (true, false));
}
