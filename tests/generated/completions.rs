//! Shell completions.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use clap_complete::{Generator, Shell, generate};
use claude_watchdog::cli;

use super::{check, skip};

fn generated(shell: Shell, name: impl Fn(&str) -> String) -> BTreeMap<String, Vec<u8>> {
    let commands = std::iter::once(cli::definition()).chain(cli::aliases());
    let file = |mut command: clap::Command| {
        let called = command.get_name().to_owned();
        let mut text = Vec::new();
        generate(shell, &mut command, &called, &mut text);
        // A hyphen in the program's name is written in two ways, and then no option of a subcommand is found
        // (clap issue 6421).
        let text = String::from_utf8(text).unwrap();
        let text = text.replace(&called.replace('-', "__subcmd__"), &called.replace('-', "__"));
        (name(&called), text.into_bytes())
    };
    commands.map(file).collect()
}

#[test]
fn completions_match_the_command_line() {
    // Under the file names that each shell expects.
    check("generated/bash", &generated(Shell::Bash, str::to_owned));
    check("generated/zsh", &generated(Shell::Zsh, |name| format!("_{name}")));
    check("generated/fish", &generated(Shell::Fish, |name| format!("{name}.fish")));
    assert_eq!(Shell::Zsh.file_name("x"), "_x");
}

/// Runs the completion as bash does, with the cursor in the last word.
fn bash_completions(words: &[&str]) -> Option<Vec<String>> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/generated/bash/");
    let script = r#"
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        function=$(complete -p "$1" | sed 's/.*-F \([^ ]*\) .*/\1/')
        "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let path = format!("{file}{}", words[0]);
    let run = Command::new("bash")
        .args(["-c", script, "bash", &path])
        .args(words)
        .stderr(Stdio::inherit())
        .output();
    let output = run.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn bash_offers_commands_and_options() {
    let Some(commands) = bash_completions(&["claude-watchdog", "ev"]) else { return skip("no bash") };
    assert_eq!(commands, ["events"]);
    assert!(
        bash_completions(&["claude-watchdog", "events", "--fo"]).unwrap().contains(&"--follow".to_owned())
    );
    assert!(bash_completions(&["vm-health-check", "--one"]).unwrap().contains(&"--oneline".to_owned()));
}

#[test]
fn each_shell_parses_its_completions() {
    for (shell, arguments, files) in [
        ("bash", &["-n"][..], ["bash/claude-watchdog", "bash/vm-health-check"]),
        ("zsh", &["-n"], ["zsh/_claude-watchdog", "zsh/_vm-health-check"]),
        ("fish", &["--no-execute"], ["fish/claude-watchdog.fish", "fish/vm-health-check.fish"]),
    ] {
        for file in files {
            let path = format!("{}/generated/{file}", env!("CARGO_MANIFEST_DIR"));
            match Command::new(shell).args(arguments).arg(&path).status() {
                Ok(status) => assert!(status.success(), "{shell} {path}"),
                Err(error) => skip(&format!("{shell}: {error}")),
            }
        }
    }
}
