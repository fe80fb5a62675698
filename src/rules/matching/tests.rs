use std::ffi::OsString;
use std::path::Path;

use super::*;
use crate::model::Role;

fn rules(toml: &str) -> Result<Rules, RuleError> {
    Rules::new(&toml::from_str(toml).unwrap())
}

fn found(rules: &Rules, exe: &str, argv: &str) -> Option<(String, Role, Option<String>)> {
    let argv: Vec<OsString> = argv.split(' ').map(OsString::from).collect();
    let facts = ProcessFacts { exe: Some(Path::new(exe)), argv: &argv, cwd: &|| None };
    rules.recognise(&facts).map(|found| (found.rule.clone(), found.role, found.resume.clone()))
}

#[test]
fn without_user_rules_the_built_in_rules_apply() {
    let (none, built_in) = (rules("").unwrap(), Rules::built_in());
    assert!(none.names().eq(built_in.names()));
    assert!(none.shadowed().is_empty());
}

#[test]
fn user_rules_precede_built_in_rules_in_name_order() {
    let rules =
        rules("[zed]\nargv0 = ['zed-agent']\n[my-agent]\nscript = ['bin/claude']\nresume = 'again'").unwrap();
    assert_eq!(rules.names().take(3).collect::<Vec<_>>(), ["my-agent", "zed", "claude"]);
    let mine = found(&rules, "/usr/bin/node", "node /usr/bin/claude");
    assert_eq!(mine, Some(("my-agent".to_owned(), Role::Agent, Some("again".to_owned()))));
}

#[test]
fn a_patch_replaces_single_keys_of_a_built_in_rule() {
    let rules = rules("[claude]\nresume = 'claude --resume'\nargv0 = []\n[gemini]\nenabled = false").unwrap();
    let (_, role, resume) = found(&rules, "/usr/bin/node", "node /usr/bin/claude").unwrap();
    assert_eq!((role, resume.as_deref()), (Role::Launcher, Some("claude --resume")));
    assert_eq!(found(&rules, "/opt/x", "claude"), None, "its argv0 was removed");
    assert_eq!(found(&rules, "/usr/bin/node", "node /usr/bin/gemini"), None);
    assert!(!rules.names().any(|name| name == "gemini"));
}

#[test]
fn launcher_and_service_keys_set_the_role() {
    let rules = rules(
        "[l]\nscript = ['bin/l']\nexe = ['lib/l']\nlauncher = true\n[s]\nscript = ['bin/s']\nmodule = ['s']\nservice = true",
    )
    .unwrap();
    let role = |exe, argv| found(&rules, exe, argv).unwrap().1;
    assert_eq!(role("/usr/bin/node", "node /bin/l"), Role::Launcher);
    assert_eq!(role("/usr/lib/l", "x"), Role::Agent);
    assert_eq!(role("/usr/bin/python3", "python3 -ms"), Role::Service);
    assert_eq!(role("/usr/bin/bun", "bun run /bin/s"), Role::Service);
}

#[test]
fn each_invalid_rule_names_its_problem() {
    let texts = [
        "[My]\nargv0 = ['x']",
        "[limited]\nargv0 = ['x']",
        "[gemeni]\nenabled = false",
        "[x]\nresume = 'x'\nexe = []",
        "[claude]\nexe = []\nscript = []\nargv0 = []",
        "[x]\nexe = ['x']\nlauncher = true",
        "[x]\nscript = ['x']\nlauncher = true\nservice = true",
    ];
    let all: String = texts.iter().map(|text| rules(text).unwrap_err().to_string() + "\n").collect();
    insta::assert_snapshot!(all);
}

#[test]
fn shadowed_rules_are_reported() {
    let shadowed = |text: &str| {
        let all: Vec<String> = rules(text)
            .unwrap()
            .shadowed()
            .into_iter()
            .map(|s| format!("{} by {}", s.rule, s.by.join(", ")))
            .collect();
        all.join("; ")
    };
    assert_eq!(shadowed("[a]\nexe = ['bin/x*']\n[b]\nexe = ['/opt/bin/x']").replace('"', ""), "b by a");
    assert_eq!(shadowed("[b]\nexe = ['x']\n[a]\nexe = ['bin/x']"), "", "the narrower one comes first");
    assert_eq!(
        shadowed("[a]\nexe = ['x']\n[b]\nexe = ['x']\nargv0 = ['y']"),
        "",
        "one of its patterns still matches"
    );
    assert_eq!(
        shadowed("[a]\nexe = ['x']\n[b]\nargv0 = ['y']\n[c]\nexe = ['x']\nargv0 = ['y']"),
        "c by a, b"
    );
    assert_eq!(shadowed("[a]\nscript = ['bin/claude']"), "", "shadowing a built-in rule is intended");
    assert_eq!(shadowed("[a]\nscript = ['x']\n[b]\nexe = ['x']"), "", "another step of the search");
    assert_eq!(
        shadowed(
            "[a]\nargv0 = ['aider*']\nscript=['*bin/aider']\n[aider]\nscript=['venv/bin/aider']\nmodule=[]"
        ),
        "aider by a"
    );
    assert_eq!(shadowed("[a]\nexe = ['x']\n[b]\nexe = ['x']\nenabled = false"), "");
}
