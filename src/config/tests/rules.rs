//! Rules in files: how they merge, and error messages word for word.

use super::world::World;
use crate::rules::rule::RulePatch;

#[test]
fn layers_replace_single_keys_of_a_rule() {
    let world = World::new()
        .file("[rules.my-agent]\nexe = ['my-agent/bin/*']\nresume = 'my-agent --last'")
        .drop_in("50.toml", "[rules.my-agent]\nargv0 = ['mine', 'my-*']\nresume = 'my-agent'\n[rules.claude]\nenabled = false");
    let rules = world.load().expect("loaded").rules;
    let mine = RulePatch {
        exe: Some(vec!["my-agent/bin/*".parse().unwrap()]),
        argv0: Some(vec!["mine".parse().unwrap(), "my-*".parse().unwrap()]),
        resume: Some("my-agent".to_owned()),
        ..RulePatch::default()
    };
    assert_eq!(rules["my-agent"], mine);
    assert_eq!(rules["claude"], RulePatch { enabled: Some(false), ..RulePatch::default() });
    assert_eq!(world.origin("rules.my-agent.exe"), "/etc/config.toml:2");
    assert_eq!(world.origin("rules.my-agent.resume"), "/etc/config.toml.d/50.toml:3");
    let origins = world.load().expect("loaded").origins;
    assert_eq!(world.local(&origins.rule("claude", Some("exe")).to_string()), "/etc/config.toml.d/50.toml:4");
}

fn messages(lines: &[&str]) -> String {
    lines.iter().map(|text| World::new().file(text).error() + "\n").collect()
}

#[test]
fn invalid_patterns_are_rejected_with_their_position() {
    let patterns = [
        "\"'claude'\"",
        "'~/bin/agent'",
        "'$HOME/bin/agent'",
        "'.*/agent'",
        "'^agent$'",
        "'a|b'",
        r"'bin\agent'",
        "''",
        "'bin/'",
        "'../agent'",
        "'*'",
        "'node'",
        "'bin/python3'",
        "'/usr/bin/bash'",
        "5",
        "\"\\u001b[2J\"",
    ];
    let files = patterns.map(|pattern| format!("[rules.x]\nexe = ['ok', {pattern}]"));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    insta::assert_snapshot!(messages(&files));
}

#[test]
fn each_key_names_the_expected_value() {
    insta::assert_snapshot!(messages(&[
        "[rules.x]\nexe = 'agent'",
        "[rules.x]\nscript = [['agent']]",
        "[rules.x]\nscript = true",
        "[rules.x]\nscript = ['my-agent/cli.js', 'index.js']",
        "[rules.x]\nmodule = 'agent'",
        "[rules.x]\nargv0 = ['bin/agent']",
        "[rules.x]\nargv0 = ['bash']",
        "[rules.x]\nnot_argv0 = 'rg'",
        "[rules.x]\nresume = ''",
        "[rules.x]\nresume = ['agent']",
        "[rules.x]\nresume = \"a\\nb\"",
        "[rules.x]\nenabled = 'no'",
        "[rules.x]\nlauncher = 1",
        "rules.x.service = 'yes'",
        "rules.x.exe = [\n  'ok',\n  '~',\n]",
    ]));
}

#[test]
fn rules_are_tables_with_plain_names_and_known_keys() {
    insta::assert_snapshot!(messages(&[
        "[rules.x]\nexec = ['agent']",
        "[rules.x]\nargv = ['agent']",
        "[rules.x.exe]\nlist = ['agent']",
        "[rule.x]\nexe = ['agent']",
        "[rules]\nexe = ['agent']",
        "[[rules]]\nname = 'x'",
        "rules = []",
        "[[rules.x]]\nexe = ['agent']",
        "rules.claude = false",
        "[claude]\nenabled = false",
        "[rules.My_Agent]\nexe = ['agent']",
        "[rules.\"\\u001b[2J\"]\nexe = ['agent']",
        "[rules.\"*\"]\nexe = ['agent']",
        "[thresholds]\n\n[rules.limited]\nargv0 = ['x']",
    ]));
}
