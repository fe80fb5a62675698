//! The command line: one file a command.

mod args;
pub mod check_config;
mod daemon;
pub mod events;
mod exit;
pub mod explain;
pub mod health;
mod reload;
pub mod replay;
mod run;
pub mod stop;
pub mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Arguments, Command};

/// The command line as it is defined: help, manual pages and completions come from it.
#[must_use]
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// The same for each further name that the program is installed by: the command that it stands for, under that name.
#[must_use]
pub fn aliases() -> Vec<clap::Command> {
    args::aliases(&definition())
}

/// Runs the command that the arguments ask for.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let words = args::expand_alias(arguments);
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) if args::subcommand(&words).is_some_and(|word| word == "run") => {
            return run::wrong_arguments(&error);
        }
        Err(error) => return exit::from_clap(&error),
    };
    let socket = arguments.socket.as_deref();
    match arguments.command {
        Command::Daemon(options) => daemon::run(options, socket),
        Command::Health(options) => health::run(&options, socket),
        Command::CheckConfig(options) => check_config::run(&options),
        Command::Explain(options) => explain::run(&options, socket),
        Command::Events(options) => events::run(&options, socket),
        Command::Stop(options) => stop::run(&options, socket),
        Command::Replay(options) => replay::run(&options, socket),
        Command::Run(options) => run::run(&options, socket),
        Command::Reload => reload::run(socket),
    }
}
