//! The manual pages.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use claude_watchdog::cli;

use super::{check, files, skip};

const ENVIRONMENT: [(&str, &str); 3] = [
    ("CLAUDE_WATCHDOG_SOCKET", "Path of the daemon socket, unless --socket is given."),
    ("NO_COLOR", "If set to a non-empty value, disable colour."),
    (
        "WATCHDOG_WARN_MB, WATCHDOG_KILL_MB",
        "Warn and kill threshold in MiB. For the service, set them in /etc/default/claude-watchdog.",
    ),
];

const FILES: [(&str, &str); 3] = [
    (
        "/etc/claude-watchdog/config.toml, /etc/claude-watchdog/config.toml.d/*.toml",
        "Configuration and drop-ins. For a user daemon: below ~/.config/claude-watchdog.",
    ),
    ("/etc/default/claude-watchdog", "Environment of the service."),
    (
        "/run/claude-watchdog/io.moltdown.Watchdog",
        "Daemon socket. For a user daemon: below $XDG_RUNTIME_DIR/claude-watchdog.",
    ),
];

/// All commands with the names of their pages.
fn commands() -> Vec<(String, clap::Command)> {
    let mut whole = cli::definition().disable_help_subcommand(true);
    whole.build();
    let page = |c: &clap::Command| (format!("{}-{}", cli::definition().get_name(), c.get_name()), c.clone());
    let below: Vec<_> = whole.get_subcommands().map(page).collect();
    let aliases = cli::aliases().into_iter().map(|alias| (alias.get_name().to_owned(), alias));
    let name = whole.get_name().to_owned();
    std::iter::once((name, whole)).chain(below).chain(aliases).collect()
}

fn page(name: &str, command: &clap::Command, all: &[(String, clap::Command)]) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let command = command.clone().display_name(name.to_owned());
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .section("1")
        .source(format!("claude-watchdog {version}"))
        .manual("claude-watchdog");
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    man.render_synopsis_section(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let paragraphs: Vec<&str> = after.split("\n\n").filter(|paragraph| !paragraph.is_empty()).collect();
    let (mut more, mut rest) = (Roff::new(), Roff::new());
    for paragraph in paragraphs {
        let of = |head: &str| paragraph.strip_prefix(head);
        if let Some(codes) = of("Exit status: ") {
            rest.control("SH", ["EXIT STATUS"]).text([roman(joined(codes))]);
        } else if let Some(example) = of("Example: ") {
            rest.control("SH", ["EXAMPLES"]).control("EX", []).text([roman(example)]).control("EE", []);
        } else {
            more.control("PP", []).text([roman(joined(paragraph))]);
        }
    }
    more.to_writer(&mut text).unwrap();
    man.render_options_section(&mut text).unwrap();
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(&mut text).unwrap();
    }
    listed(&mut rest, "ENVIRONMENT", &ENVIRONMENT);
    listed(&mut rest, "FILES", &FILES);
    let others: Vec<String> = all.iter().filter(|(n, _)| n != name).map(|(n, _)| format!("{n}(1)")).collect();
    rest.control("SH", ["SEE ALSO"]).text([roman(others.join(", ") + ", systemctl(1), journalctl(1)")]);
    rest.to_writer(&mut text).unwrap();
    text
}

fn listed(page: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    page.control("SH", [title]);
    for (name, meaning) in entries {
        page.control("TP", []).text([bold(*name)]).text([roman(*meaning)]);
    }
}

/// Joins the lines of a paragraph of `--help`: a manual page is filled when it is shown.
fn joined(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn manual_pages_match_the_command_line() {
    let all = commands();
    let pages: BTreeMap<_, _> = all.iter().map(|(n, c)| (format!("{n}.1"), page(n, c, &all))).collect();
    check("generated/man", &pages);
}

/// `man` formats each page without warnings in 80 columns.
#[test]
fn manual_pages_are_valid() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/generated/man");
    for path in files(directory.as_ref()) {
        let man = Command::new("man")
            .args(["--warnings", "--encoding=UTF-8", "--local-file"])
            .arg(&path)
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output();
        let Ok(shown) = man else {
            return skip("no man");
        };
        let said = String::from_utf8_lossy(&shown.stderr);
        assert!(shown.status.success() && said.is_empty(), "{}: {said}", path.display());
        let text = String::from_utf8_lossy(&shown.stdout);
        if !text.contains("SYNOPSIS") {
            return skip("man shows no pages on a minimised system");
        }
        assert!(text.contains("EXAMPLES"), "{}", path.display());
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "{}: {widest} columns", path.display());
    }
}
