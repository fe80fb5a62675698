//! The command line: one file or folder per command.

mod args;
pub mod check_config;
mod daemon;
mod error;
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

use args::{Arguments, Subcommands};

/// The definition of the command line, from which help, manual pages and completions are generated.
#[must_use]
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// The definitions of the aliases: each command under the name of its alias.
#[must_use]
pub fn aliases() -> Vec<clap::Command> {
    args::aliases(&definition())
}

/// Runs the command that the arguments select.
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
    let result = match arguments.command {
        Subcommands::Daemon(options) => daemon::run(options, socket),
        Subcommands::Health(options) => {
            // 1 and 2 are verdicts: any error is 3, unknown.
            let result = health::run(&options, socket);
            return result.unwrap_or_else(|error| exit::fail(&error, exit::NO_DAEMON));
        }
        Subcommands::CheckConfig(options) => check_config::run(&options),
        Subcommands::Explain(options) => explain::run(&options, socket),
        Subcommands::Events(options) => events::run(&options, socket),
        Subcommands::Stop(options) => stop::run(&options, socket),
        Subcommands::Replay(options) => replay::run(&options, socket),
        Subcommands::Run(options) => return run::run(&options, socket),
        Subcommands::Reload => reload::run(socket),
    };
    result.unwrap_or_else(|error| exit::report(&error))
}
