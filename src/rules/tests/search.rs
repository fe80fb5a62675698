//! The steps of the search and their reads.

use std::cell::Cell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::model::match_trace::ProcessPart;
use crate::rules::{ProcessFacts, Rules};

fn script(cwd: Option<&str>, script: &str) -> (Option<String>, bool) {
    let was_read = Cell::new(false);
    let cwd = || {
        was_read.set(true);
        cwd.map(PathBuf::from)
    };
    let argv = ["node", script].map(OsString::from);
    let facts = ProcessFacts { exe: Some(Path::new("/usr/bin/node")), argv: &argv, cwd: &cwd };
    let found = Rules::built_in().recognise(&facts).map(|found| found.rule.clone());
    (found, was_read.get())
}

#[test]
fn a_relative_script_is_resolved_in_the_working_directory() {
    let claude = Some("claude".to_owned());
    assert_eq!(script(Some("/x/@anthropic-ai/claude-code"), "cli.js"), (claude.clone(), true));
    assert_eq!(script(Some("/x/@anthropic-ai/claude-code"), "./cli.js"), (claude.clone(), true));
    assert_eq!(script(Some("/x/@anthropic-ai/claude-code/vendor"), "../cli.js"), (claude.clone(), true));
    assert_eq!(script(Some("/x/@anthropic-ai/claude-code (deleted)"), "cli.js"), (claude.clone(), true));
    assert_eq!(script(Some("/x/@anthropic-ai"), "claude-code/cli.js"), (claude.clone(), true));
    assert_eq!(script(Some("/home/u/work"), "cli.js"), (None, true));
    assert_eq!(script(None, "cli.js"), (None, true));
    assert_eq!(script(None, "bin/claude"), (claude.clone(), true));
    assert_eq!(script(Some("/"), "/x/lib/../@anthropic-ai/claude-code/cli.js"), (claude, false));
}

#[test]
fn the_working_directory_is_read_only_for_relative_scripts() {
    assert_eq!(script(Some("/"), "/srv/server.js"), (None, false));
    let never = || -> Option<PathBuf> { unreachable!("no relative script") };
    for (exe, argv) in
        [("/usr/bin/make", &["make", "claude"][..]), ("/usr/bin/python3", &["python3", "-m", "x"])]
    {
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        let facts = ProcessFacts { exe: Some(Path::new(exe)), argv: &argv, cwd: &never };
        assert_eq!(Rules::built_in().recognise(&facts), None);
    }
}

#[test]
fn a_trace_has_each_step() {
    let rules = Rules::built_in();
    let argv = ["node", "server.js"].map(OsString::from);
    let facts = ProcessFacts {
        exe: Some(Path::new("/usr/bin/node")),
        argv: &argv,
        cwd: &|| Some(PathBuf::from("/srv/app")),
    };
    let trace = rules.explain(&facts);
    let steps: Vec<_> =
        trace.steps.iter().map(|step| (step.part, step.text.as_str(), step.results.len())).collect();
    let all = rules.names().count();
    let script = (ProcessPart::Script, "/srv/app/server.js", all);
    assert_eq!(steps, [(ProcessPart::Exe, "/usr/bin/node", all), script]);
    assert_eq!((trace.matched, trace.ended.as_str()), (None, "a script that no rule knows ends the search"));
    assert_eq!(trace.steps[0].results[3].why, "the rule has no pattern for this", "gemini has no executable");

    let argv = ["rg", "x"].map(OsString::from);
    let exe = Path::new("/x/@anthropic-ai/claude-code/bin/claude.exe");
    let trace = rules.explain(&ProcessFacts { exe: Some(exe), argv: &argv, cwd: &|| None });
    assert_eq!(trace.steps[0].results[0].why, "under the name rg it is another program");
    assert_eq!(trace.ended, "no rule knows the executable or argv[0]");
    assert_eq!(trace.steps[1].part, ProcessPart::Argv0);
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "node",
            "python3",
            "claude",
            "/usr/bin/node",
            "-m",
            "-e",
            "--",
            "",
            "aider",
            "cli.js",
            "../x",
            "/x/bin/codex",
            "run",
            "/x/@anthropic-ai/claude-code/bin/claude.exe",
            "rg",
            " (deleted)",
            "/",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn trace_and_search_agree_for_any_process(
        exe in prop::option::of(word()),
        argv in prop::collection::vec(word(), 0..5),
        cwd in prop::option::of(word()),
    ) {
        let argv: Vec<OsString> = argv.into_iter().map(OsString::from).collect();
        let cwd = || cwd.as_ref().map(PathBuf::from);
        let facts = ProcessFacts { exe: exe.as_ref().map(Path::new), argv: &argv, cwd: &cwd };
        let rules = Rules::built_in();
        let rule = rules.recognise(&facts).map(|found| found.rule.clone());
        prop_assert_eq!(rules.explain(&facts).matched, rule);
    }
}
