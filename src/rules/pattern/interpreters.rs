//! Programs that run many programs, and where they are installed.

use std::path::{Path, PathBuf};

/// Programs that run scripts: a pattern that matches one of these would match every program.
pub(crate) const INTERPRETER_NAMES: [&str; 19] = [
    "node",
    "nodejs",
    "bun",
    "deno",
    "python",
    "python3",
    "python3.12",
    "ruby",
    "perl",
    "java",
    "sh",
    "bash",
    "dash",
    "zsh",
    "fish",
    "env",
    "sudo",
    "tmux",
    "uv",
];

/// System, manual, and per version of a version manager.
const PROGRAM_DIRECTORIES: [&str; 8] = [
    "/usr/bin",
    "/bin",
    "/usr/local/bin",
    "/home/user/.local/bin",
    "/home/user/.nvm/versions/node/v24.1.0/bin",
    "/home/user/.pyenv/versions/3.12.1/bin",
    "/home/user/.bun/bin",
    "/home/user/project/.venv/bin",
];

/// Script names that many projects have.
const COMMON_SCRIPTS: [&str; 8] = [
    "/srv/app/index.js",
    "/srv/app/server.js",
    "/srv/app/main.js",
    "/srv/app/cli.js",
    "/srv/app/dist/index.js",
    "/srv/app/main.py",
    "/srv/app/app.py",
    "/srv/app/__main__.py",
];

pub(crate) fn scripts() -> impl Iterator<Item = &'static Path> {
    COMMON_SCRIPTS.iter().map(Path::new)
}

pub(crate) fn paths() -> impl Iterator<Item = PathBuf> {
    PROGRAM_DIRECTORIES
        .iter()
        .flat_map(|folder| INTERPRETER_NAMES.iter().map(|name| Path::new(folder).join(name)))
}
