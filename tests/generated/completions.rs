//! What a shell offers after the tabulator key.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use clap_complete::{Generator, Shell, generate};
use claude_watchdog::cli;

use super::hold;

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
fn they_are_what_the_command_line_says() {
    // By the names under which each shell looks for them.
    hold("generated/bash", &generated(Shell::Bash, str::to_owned));
    hold("generated/zsh", &generated(Shell::Zsh, |name| format!("_{name}")));
    hold("generated/fish", &generated(Shell::Fish, |name| format!("{name}.fish")));
    assert_eq!(Shell::Zsh.file_name("x"), "_x");
}

/// As bash calls them: the words so far, and where the cursor is.
fn offered(words: &[&str]) -> Option<Vec<String>> {
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
    let Some(commands) = offered(&["claude-watchdog", "ev"]) else {
        eprintln!("left out: no bash");
        return;
    };
    assert_eq!(commands, ["events"]);
    assert!(offered(&["claude-watchdog", "events", "--fo"]).unwrap().contains(&"--follow".to_owned()));
    assert!(offered(&["vm-health-check", "--one"]).unwrap().contains(&"--oneline".to_owned()));
}

#[test]
fn each_shell_can_read_its_own() {
    for (shell, arguments, files) in [
        ("bash", &["-n"][..], ["bash/claude-watchdog", "bash/vm-health-check"]),
        ("zsh", &["-n"], ["zsh/_claude-watchdog", "zsh/_vm-health-check"]),
        ("fish", &["--no-execute"], ["fish/claude-watchdog.fish", "fish/vm-health-check.fish"]),
    ] {
        for file in files {
            let path = format!("{}/generated/{file}", env!("CARGO_MANIFEST_DIR"));
            match Command::new(shell).args(arguments).arg(&path).status() {
                Ok(status) => assert!(status.success(), "{shell} {path}"),
                Err(error) => eprintln!("left out: {shell}: {error}"),
            }
        }
    }
}
