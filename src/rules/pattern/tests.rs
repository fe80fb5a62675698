use super::*;
use proptest::prelude::*;

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

#[test]
fn a_pattern_matches_a_path_ending() {
    let cases = [
        ("b/c", "/a/b/c", true),
        ("c", "c", true),
        ("b/c", "/a/xb/c", false),
        ("b/c", "c", false),
        ("versions/*", "/x/versions/2.1.197", true),
        ("versions/*", "/x/versions", false),
        ("versions/*", "/versions", false),
        ("claude-code-*/claude", "/p/claude-code-linux-x64/claude", true),
        ("claude-code-*/claude", "/p/claude-code/claude", false),
        ("*claude-code*/claude", "/p/.claude-code-AbCdEfGh/claude", true),
        ("*bin/claude", "/node_modules/.bin/claude", true),
        ("*/claude", "/claude", false),
        ("b/c", "/a//b/./c", true),
        ("b/*/c", "/a/b/../c", false),
    ];
    for (text, path, expected) in cases {
        assert_eq!(pattern(text).matches(Path::new(path)), expected, "{text} {path}");
    }
}

#[test]
fn two_stars_match_any_number_of_components() {
    let daemon = pattern("daemon/releases/**/codex");
    for path in ["/d/daemon/releases/codex", "/daemon/releases/1/codex", "/daemon/releases/1/bin/codex"] {
        assert!(daemon.matches(Path::new(path)), "{path}");
    }
    for path in ["/daemon/codex", "/daemon/releases/1/bin/claude", "/xdaemon/releases/1/codex", "/codex"] {
        assert!(!daemon.matches(Path::new(path)), "{path}");
    }
    assert!(pattern("releases/**").matches(Path::new("/releases/a/b")));
    assert!(pattern("**/codex").matches(Path::new("/codex")));
}

#[test]
fn a_leading_slash_anchors_the_pattern() {
    assert!(pattern("/opt/x").matches(Path::new("/opt/x")));
    assert!(!pattern("/opt/x").matches(Path::new("/srv/opt/x")));
    assert!(!pattern("/opt/x").matches(Path::new("opt/x")));
    assert!(pattern("/opt/**/x").matches(Path::new("/opt/a/b/x")));
    assert!(!pattern("/opt/**/x").matches(Path::new("/srv/opt/a/b/x")));
}

#[test]
fn non_unicode_paths_are_matched() {
    use std::ffi::OsStr;
    let path = Path::new(OsStr::from_bytes(b"/opt/\xff\xfe/claude"));
    assert!(pattern("*/claude").matches(path));
}

#[test]
fn a_wider_pattern_covers_a_narrower_one() {
    let cases = [
        ("claude", "bin/claude", true),
        ("claude", "claude", true),
        ("bin/claude", "claude", false),
        ("*/claude", "bin/claude", true),
        ("*bin/cl*", ".bin/claude", true),
        ("bin/*", "bin/c*e", true),
        ("bin/c*e", "bin/*", false),
        ("releases/**/x", "releases/1/2/x", true),
        ("releases/**/x", "releases/**/x", true),
        ("releases/*/x", "releases/**/x", false),
        ("opt/x", "/opt/x", true),
        ("/opt/x", "opt/x", false),
        ("*/x", "/x", false),
    ];
    for (a, b, expected) in cases {
        assert_eq!(pattern(a).covers(&pattern(b)), expected, "{a} {b}");
    }
}

#[test]
fn patterns_that_match_interpreters_are_detected() {
    for text in [
        "node",
        "bin/python3",
        "bash",
        "bin/*",
        "*/*sh",
        "node*",
        "/usr/bin/node",
        "versions/node/*/bin/node",
    ] {
        assert!(pattern(text).matches_interpreters(), "{text}");
    }
    for text in ["bin/claude", "cursor-agent/versions/*/node", "claude/versions/*", "/opt/agent/node", "cl*"]
    {
        assert!(!pattern(text).matches_interpreters(), "{text}");
    }
}

#[test]
fn patterns_that_match_common_scripts_are_detected() {
    for text in ["index.js", "*.js", "*/cli.js", "dist/*", "app/*", "*.py"] {
        assert!(pattern(text).matches_common_scripts(), "{text}");
    }
    for text in ["my-agent/index.js", "*bin/my-agent", "my-agent.py"] {
        assert!(!pattern(text).matches_common_scripts(), "{text}");
    }
}

fn some_pattern() -> impl Strategy<Value = Pattern> {
    "/?([ab*]{1,3}|\\*\\*)(/[ab*]{1,3}){0,3}".prop_filter_map("refused", |text| text.parse().ok())
}

proptest! {
    #[test]
    fn arbitrary_patterns_do_not_panic(text in any::<String>(), path in any::<String>()) {
        if let Ok(pattern) = text.parse::<Pattern>() {
            let _: bool = pattern.matches(Path::new(&path));
        }
    }

    #[test]
    fn a_pattern_covers_itself(pattern in some_pattern()) {
        prop_assert!(pattern.covers(&pattern));
    }

    #[test]
    fn a_covering_pattern_matches_the_same_paths(a in some_pattern(), b in some_pattern(), path in "/?[ab]{1,3}(/[ab]{1,3}){0,4}") {
        prop_assert!(!a.covers(&b) || !b.matches(Path::new(&path)) || a.matches(Path::new(&path)));
    }
}
