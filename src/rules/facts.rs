//! Properties of a process that rules match.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::interpreter::{InterpretedCode, Interpreter};

/// A process to be matched.
#[derive(Clone, Copy)]
pub struct ProcessFacts<'a> {
    /// Its executable; `None` without the permission to see it.
    pub exe: Option<&'a Path>,
    /// Its arguments.
    pub argv: &'a [OsString],
    /// Reads its working directory. Called only for a script started by a relative path: for every process it would cost more
    /// than all other matching.
    pub cwd: &'a dyn Fn() -> Option<PathBuf>,
}

impl fmt::Debug for ProcessFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("exe", &self.exe).field("argv", &self.argv).finish_non_exhaustive()
    }
}

/// One property that rules match.
#[derive(Clone, Debug)]
pub(crate) enum MatchInput<'a> {
    Exe { path: &'a Path, argv0: &'a OsStr },
    Script(Cow<'a, Path>),
    Module(&'a OsStr),
    Argv0(&'a OsStr),
}

impl<'a> ProcessFacts<'a> {
    /// The first property.
    pub(crate) fn exe(&self) -> Option<MatchInput<'a>> {
        let argv0 = self.argv0().and_then(Path::file_name).unwrap_or_default();
        self.exe.map(|exe| MatchInput::Exe { path: without_deleted(exe), argv0 })
    }

    /// The second property, if no rule matches the executable: the program of an interpreter, else `argv[0]`.
    pub(crate) fn program(&self) -> Option<MatchInput<'a>> {
        let argv0 = self.argv0()?;
        let interpreter = Interpreter::named(self.exe.map_or(argv0, without_deleted));
        match interpreter.map_or(InterpretedCode::Unnamed, |interpreter| interpreter.program(&self.argv[1..]))
        {
            InterpretedCode::Script(script) => Some(MatchInput::Script(self.absolute(Path::new(script)))),
            InterpretedCode::Module(name) => Some(MatchInput::Module(name)),
            InterpretedCode::Unnamed => argv0.file_name().map(MatchInput::Argv0),
        }
    }

    fn argv0(&self) -> Option<&'a Path> {
        self.argv.first().map(Path::new)
    }

    /// The path below the working directory if it is relative, without `..`.
    fn absolute(&self, path: &'a Path) -> Cow<'a, Path> {
        let has_parent_component = |path: &Path| path.components().any(|c| c == Component::ParentDir);
        let absolute = match path.is_relative().then(|| (self.cwd)()).flatten() {
            Some(cwd) => Cow::Owned(without_deleted(&cwd).join(path)),
            None => Cow::Borrowed(path),
        };
        if has_parent_component(&absolute) { Cow::Owned(without_parents(&absolute)) } else { absolute }
    }
}

/// Resolved in the text only. A link above a `..` would lead elsewhere; no file is read here.
fn without_parents(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, component| {
        match component {
            Component::ParentDir => _ = path.pop(),
            component => path.push(component),
        }
        path
    })
}

/// The path of a file that may have been replaced while it runs: agents update themselves.
fn without_deleted(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    Path::new(OsStr::from_bytes(bytes.strip_suffix(b" (deleted)").unwrap_or(bytes)))
}
