//! Manual pages and completions come from the definition of the command line and are part of the tree, so that the
//! package is built without another step. Here they are held against it; `GENERATE=1 cargo test --test generated`
//! writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

mod completions;
mod manual;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const HOW: &str = "run `GENERATE=1 cargo test --test generated` and commit what it writes";

/// Holds the files of a directory against what they should be; with `GENERATE` set, makes them so.
fn hold(directory: &str, wanted: &BTreeMap<String, Vec<u8>>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    if std::env::var_os("GENERATE").is_some() {
        write(&directory, wanted);
    }
    for (name, text) in wanted {
        let found = fs::read(directory.join(name)).unwrap_or_default();
        assert!(found == *text, "{}/{name} is not what the command line says: {HOW}", directory.display());
    }
    for path in files(&directory) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(wanted.contains_key(name), "{} is of no command: {HOW}", path.display());
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

/// What is installed where is said in `Cargo.toml`, file by file: a new command must not be left out of the package.
#[test]
fn all_of_it_is_in_the_package() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for directory in ["generated/man", "generated/bash", "generated/zsh", "generated/fish"] {
        assert!(manifest.contains(&format!("\"{directory}/*\"")), "{directory}");
        assert!(!files(&root.join(directory)).is_empty(), "{directory}: {HOW}");
    }
}
