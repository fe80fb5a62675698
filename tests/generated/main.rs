//! Manual pages and completions are generated from the definition of the command line and committed, so that building
//! the package needs no extra step. These tests compare them; `GENERATE=1 cargo test --test generated` regenerates them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

mod completions;
mod manual;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const HINT: &str = "run `GENERATE=1 cargo test --test generated` and commit the files it writes";

/// Compares the files of a directory with the wanted ones; with `GENERATE` set, writes them first.
fn check(directory: &str, wanted: &BTreeMap<String, Vec<u8>>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    if std::env::var_os("GENERATE").is_some() {
        write(&directory, wanted);
    }
    for (name, text) in wanted {
        let found = fs::read(directory.join(name)).unwrap_or_default();
        assert!(found == *text, "{}/{name} does not match the command line: {HINT}", directory.display());
    }
    for path in files(&directory) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(wanted.contains_key(name), "{} belongs to no command: {HINT}", path.display());
    }
}

fn write(directory: &Path, wanted: &BTreeMap<String, Vec<u8>>) {
    fs::create_dir_all(directory).unwrap();
    for path in files(directory) {
        fs::remove_file(path).unwrap();
    }
    for (name, text) in wanted {
        fs::write(directory.join(name), text).unwrap();
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).map(|entries| entries.map(|e| e.unwrap().path()).collect()).unwrap_or_default()
}

/// `Cargo.toml` lists the packaged files.
#[test]
fn generated_files_are_packaged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for directory in ["generated/man", "generated/bash", "generated/zsh", "generated/fish"] {
        assert!(manifest.contains(&format!("\"{directory}/*\"")), "{directory}");
        assert!(!files(&root.join(directory)).is_empty(), "{directory}: {HINT}");
    }
}

/// Reports a check that cannot run here: zsh, fish and man are optional.
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
