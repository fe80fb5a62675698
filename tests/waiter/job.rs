//! As a job of an interactive shell.

use rustix::process::Signal;

use super::terminal::Terminal;
use super::world::{NOTES, World, send, state, until};

const BASH: &str = "bash --norc --noprofile -i";

#[test]
fn an_interrupt_from_the_keyboard_arrives_once() {
    let world = World::new(NOTES);
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return };
    terminal.type_in(&format!("{}; echo \"code $?\" >>log", world.line("", "./prog")));
    let [_, waiter, _] = world.started();
    terminal.press("\x03");
    world.wait_for("INT");
    terminal.press("\x1c");
    world.wait_for("QUIT");
    // What would be handed on was sent before this.
    send(waiter, Signal::USR1);
    world.wait_for("USR1");
    assert_eq!((world.noted("INT"), world.noted("QUIT")), (1, 1), "{:?}", world.log());
    send(waiter, Signal::USR2);
    world.wait_for("code 5");
}

#[test]
fn what_an_interrupt_ends_is_seen_as_such() {
    let world = World::new("echo started $$ $PPID $$ >>log; exec sleep 100");
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return };
    // An interactive shell gives up the rest of a list when a signal has ended a part of it.
    terminal.type_in(&world.line("", "./prog"));
    world.started();
    terminal.press("\x03");
    terminal.type_in("echo \"code $?\" >>log");
    world.wait_for("code 130");
}

#[test]
fn a_stop_from_the_keyboard_gives_the_terminal_back_and_fg_goes_on() {
    let world = World::new(
        "trap 'echo INT >>log' INT; trap 'exit 5' USR2; echo started $$ $PPID $$ >>log
        while :; do sleep 0.02; done",
    );
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return };
    terminal.type_in(&format!("{}; echo \"code $?\" >>log", world.line("", "./prog")));
    let [command, waiter, _] = world.started();
    for round in ["one", "two"] {
        terminal.press("\x1a");
        until("both are stopped", || [command, waiter].iter().all(|pid| state(*pid) == Some('T')));
        terminal.type_in(&format!("jobs >jobs; echo {round} >>log"));
        world.wait_for(round);
        let jobs = std::fs::read_to_string(world.path("jobs")).unwrap();
        assert!(jobs.contains("Stopped") && jobs.lines().count() == 1, "{jobs}");
        terminal.type_in("fg");
        until("both go on", || [command, waiter].iter().all(|pid| state(*pid) != Some('T')));
    }
    terminal.press("\x03");
    world.wait_for("INT");
    send(waiter, Signal::USR2);
    until("the job has ended", || state(waiter).is_none());
}

/// A program with a screen of its own takes the stop, puts the terminal right and stops itself, as it alone knows how.
#[test]
fn a_command_that_stops_itself_takes_the_waiter_along() {
    // Without a child, which the terminal would stop and bash wait for before it runs a trap.
    let world = World::new(
        "trap 'echo TSTP >>log; kill -STOP $$' TSTP; trap 'echo CONT >>log' CONT
        trap 'exit 5' USR2; mkfifo pipe; exec 9<>pipe; echo started $$ $PPID $$ >>log
        while :; do read -r -t 0.02 -u 9; done",
    );
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return };
    terminal.type_in(&world.line("", "./prog"));
    let [command, waiter, _] = world.started();
    terminal.press("\x1a");
    world.wait_for("TSTP");
    until("both are stopped", || [command, waiter].iter().all(|pid| state(*pid) == Some('T')));
    terminal.type_in("echo shell >>log");
    world.wait_for("shell");
    terminal.type_in("fg");
    world.wait_for("CONT");
    send(waiter, Signal::USR2);
    until("the job has ended", || state(waiter).is_none());
    assert_eq!((world.noted("TSTP"), world.noted("CONT")), (1, 1), "{:?}", world.log());
    terminal.type_in("echo \"code $?\" >>log");
    world.wait_for("code 5");
}

#[test]
fn a_job_in_the_background_that_wants_the_terminal_is_stopped_until_it_has_it() {
    let world = World::new("echo started $$ $PPID $$ >>log; read -r line; echo \"read $line\" >>log");
    let Some(mut terminal) = Terminal::open(&world, BASH) else { return };
    terminal.type_in(&format!("{} &", world.line("", "./prog")));
    let [command, waiter, _] = world.started();
    until("both are stopped", || [command, waiter].iter().all(|pid| state(*pid) == Some('T')));
    terminal.type_in("fg");
    until("both go on", || [command, waiter].iter().all(|pid| state(*pid) != Some('T')));
    terminal.type_in("hello");
    world.wait_for("read hello");
}

#[test]
fn the_terminal_is_as_it_was_before_a_program_that_was_killed() {
    let world = World::new("stty raw -echo; stty -a >during; kill -KILL $$");
    let script = format!("{}; stty -a >after; echo done >>log", world.line("", "./prog"));
    world.program("script", &script);
    // One that does not put the settings back itself, as an interactive shell does.
    let Some(_terminal) = Terminal::open(&world, "./script") else { return };
    world.wait_for("done");
    let has = |file: &str| std::fs::read_to_string(world.path(file)).unwrap().contains("-icanon");
    assert_eq!((has("during"), has("after")), (true, false));
}
