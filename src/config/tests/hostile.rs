//! Invalid and malicious files.

use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::world::{World, gib};
use crate::config::{Config, key, toml_layer};

#[test]
fn harmless_oddities_are_accepted() {
    for text in ["", "\n\n", "# only a comment", "[thresholds]", "\u{feff}", "\u{feff}[act]\r\n"] {
        assert_eq!(World::new().file(text).load().expect(text), Config::default(), "{text:?}");
    }
    let world = World::new().file("\u{feff}[thresholds]\r\nkill = '9G'\r\n");
    assert_eq!(world.load().expect("loaded").thresholds.kill, gib(9));
    assert_eq!(world.origin(key::KILL), "/etc/config.toml:2");
    insta::assert_snapshot!(World::new().file("\u{feff}kil = 1\r\n").error(), @"/etc/config.toml:1:1: unknown key `kil`; the nearest known key is `thresholds.kill`");
    let masked = World::new().drop_in("1.toml", "act.dry_run = true").link("2.toml", "/dev/null");
    assert!(masked.load().expect("loaded").act.dry_run);
}

#[test]
fn non_text_files_are_rejected() {
    insta::assert_snapshot!(World::new().file(b"[thresholds]\n# gr\xfc\xdfe").error(), @"/etc/config.toml:2:5: not UTF-8 text; save the file as UTF-8");
    insta::assert_snapshot!(World::new().file(b"\xff\xfe[\0").error(), @"/etc/config.toml:1:1: not UTF-8 text; save the file as UTF-8");
    insta::assert_snapshot!(World::new().file(vec![b'#'; 10 << 20]).error(), @"/etc/config.toml is larger than 1M; this is not a configuration file");
    assert!(World::new().file(vec![b'#'; 1 << 20]).load().is_ok());
    assert!(World::new().file(vec![b'#'; (1 << 20) + 1]).load().is_err());
    insta::assert_snapshot!(World::new().link("1.toml", "/dev/zero").error(), @"/etc/config.toml.d/1.toml is larger than 1M; this is not a configuration file");
    insta::assert_snapshot!(World::new().link("1.toml", ".").error(), @"/etc/config.toml.d/1.toml is a directory, expected a file");
    insta::assert_snapshot!(World::new().link("1.toml", "/nowhere/at/all").error(), @"/etc/config.toml.d/1.toml is a dangling symbolic link; fix it or remove it");
    insta::assert_snapshot!(World::new().link("1.toml", "1.toml").error(), @"/etc/config.toml.d/1.toml cannot be read: Too many levels of symbolic links (os error 40)");
    insta::assert_snapshot!(World::new().drop_in("1.toml", "").drop_in("2.toml", "x").error(), @"/etc/config.toml.d/2.toml:1:2: key with no value, expected `=`, in the line `x`");
}

#[test]
fn a_pipe_does_not_block_the_reader() {
    let world = World::new();
    let path = world.drop_in_path("1.toml");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    insta::assert_snapshot!(world.error(), @"/etc/config.toml.d/1.toml is a pipe, expected a file");
}

#[test]
fn directories_and_dangling_links_are_rejected() {
    let world = World::new();
    fs::create_dir(world.path("config.toml")).expect("a directory");
    insta::assert_snapshot!(world.error(), @"/etc/config.toml is a directory, expected a file");
    let world = World::new();
    symlink("elsewhere.toml", world.path("config.toml")).expect("linked");
    insta::assert_snapshot!(world.error(), @"/etc/config.toml is a dangling symbolic link; fix it or remove it");
    let world = World::new();
    fs::write(world.path("config.toml.d"), "").expect("written");
    insta::assert_snapshot!(world.error(), @"/etc/config.toml.d cannot be read: Not a directory (os error 20)");
}

#[test]
fn a_named_file_must_exist() {
    insta::assert_snapshot!(World::new().named().error(), @"/etc/config.toml does not exist; create it, or name another file");
    let world = World::new().file("").drop_in("1.toml", "act.dry_run = true").named();
    assert!(world.load().expect("loaded").act.dry_run);
}

/// Pieces of a configuration, divided by middle dots, to be put together well and badly.
const PIECES: &str = "[thresholds]·[act]·[[thresholds]]·[rules]·[rules.x]·[[rules]]·rules·exe·argv0·resume·launcher·[·]·{·}·=· = ·.·,·\n·\r\n·\r·\
    #·\"·'·'''·warn·kill·lines·act·dry_run·grace·true·\"8G\"·'55%'·13·\
    -1·1e400·9223372036854775808·0x·nan·1979-05-27·\u{feff}·ü·\\·\\u0000·\0·\t· ";

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES.split('·').collect::<Vec<_>>());
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Any text gives a layer with existing lines, or a message of one line.
fn never_panics(text: &str) {
    match toml_layer::read("x.toml".as_ref(), text) {
        Ok(layer) => assert!(layer.keys.iter().all(|(_, line)| *line <= text.lines().count())),
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
    }
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(text in any::<String>()) {
        never_panics(&text);
    }

    #[test]
    fn arbitrary_toml_fragments_do_not_panic(text in pieces()) {
        never_panics(&text);
    }

    #[test]
    fn arbitrary_values_do_not_panic(key in prop::sample::select(vec!["thresholds.warn", "act.grace", "rules.x.exe", "rules.x.resume", "rules.x.enabled"]), text in any::<String>()) {
        never_panics(&format!("{key} = {text:?}"));
        never_panics(&format!("{key} = {text}"));
    }
}

#[test]
fn deep_nesting_is_rejected_without_recursion() {
    for text in [
        "[".repeat(100_000),
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{a=".repeat(100_000)),
    ] {
        World::new().file(text).error();
    }
    World::new().file(format!("{}b = 1", "a.".repeat(100_000))).error();
}
