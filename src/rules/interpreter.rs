//! Interpreters: rules match the program that they run.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A program that runs scripts. Shells are not among them: a wrapper script is not the agent that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interpreter {
    Node,
    /// Also Deno, which has a similar command line.
    Bun,
    Python,
}

/// The program that an interpreter runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InterpretedCode<'a> {
    Script(&'a OsStr),
    Module(&'a OsStr),
    /// Code among its arguments or on its input; or the arguments are lost.
    Unnamed,
}

/// Options with a value in the next argument, unless it follows a `=`: `node --help`, `bun --help`, `deno run --help`.
const INTERPRETER_OPTIONS_WITH_VALUE: [&[u8]; 27] = [
    b"-r",
    b"--require",
    b"--import",
    b"--loader",
    b"--experimental-loader",
    b"-C",
    b"--conditions",
    b"--env-file",
    b"--env-file-if-exists",
    b"--experimental-config-file",
    b"--title",
    b"--input-type",
    b"--inspect-port",
    b"--watch-path",
    b"--disable-warning",
    b"--diagnostic-dir",
    b"--dns-result-order",
    b"--unhandled-rejections",
    b"--openssl-config",
    b"--icu-data-dir",
    b"--redirect-warnings",
    b"--preload",
    b"--cwd",
    b"--filter",
    b"--tsconfig-override",
    b"--config",
    b"--import-map",
];

/// Options for a program that is not in a file.
const CODE_OPTIONS: [&[u8]; 5] = [b"-e", b"--eval", b"-p", b"--print", b"-pe"];

impl Interpreter {
    /// The interpreter at `path`.
    pub(crate) fn named(path: &Path) -> Option<Self> {
        let name = path.file_name()?.as_bytes();
        // `node22`, `python3.12`, and `python3.13t` without its lock.
        let is_version = |rest: &[u8]| {
            let number = rest.strip_suffix(b"t").filter(|number| !number.is_empty()).unwrap_or(rest);
            number.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        };
        [
            (b"node".as_slice(), Self::Node),
            (b"nodejs", Self::Node),
            (b"bun", Self::Bun),
            (b"deno", Self::Bun),
            (b"python", Self::Python),
            (b"pypy", Self::Python),
        ]
        .into_iter()
        .find(|(program, _)| name.strip_prefix(*program).is_some_and(is_version))
        .map(|(_, interpreter)| interpreter)
    }

    /// The program by the arguments after `argv[0]`.
    pub(crate) fn program(self, arguments: &[OsString]) -> InterpretedCode<'_> {
        let mut arguments = arguments.iter().map(OsString::as_os_str);
        while let Some(argument) = arguments.next() {
            match argument.as_bytes() {
                b"--" => return arguments.next().map_or(InterpretedCode::Unnamed, InterpretedCode::Script),
                b"" | b"-" => return InterpretedCode::Unnamed,
                [b'-', letters @ ..] if self == Self::Python => match python_option(letters) {
                    PythonOption::Flags => {}
                    PythonOption::Value => _ = arguments.next(),
                    PythonOption::Code => return InterpretedCode::Unnamed,
                    PythonOption::Module(b"") => {
                        return arguments.next().map_or(InterpretedCode::Unnamed, InterpretedCode::Module);
                    }
                    PythonOption::Module(name) => return InterpretedCode::Module(OsStr::from_bytes(name)),
                },
                option if CODE_OPTIONS.contains(&option) => return InterpretedCode::Unnamed,
                option if INTERPRETER_OPTIONS_WITH_VALUE.contains(&option) => _ = arguments.next(),
                b"run" if self == Self::Bun => {}
                option if option.starts_with(b"-") => {}
                _ => return InterpretedCode::Script(argument),
            }
        }
        InterpretedCode::Unnamed
    }
}

/// The meaning of options on Python's command line for the arguments after them.
enum PythonOption<'a> {
    Flags,
    Value,
    Code,
    Module(&'a [u8]),
}

/// Python accepts combined single letters, the last one with its value: `-Im aider`, `-maider`, `-Xdev`
/// (`python --help`).
fn python_option(letters: &[u8]) -> PythonOption<'_> {
    if letters.starts_with(b"-") {
        return if letters == b"-check-hash-based-pycs" { PythonOption::Value } else { PythonOption::Flags };
    }
    for (at, letter) in letters.iter().enumerate() {
        match letter {
            b'c' => return PythonOption::Code,
            b'm' => return PythonOption::Module(&letters[at + 1..]),
            b'X' | b'W' if at + 1 == letters.len() => return PythonOption::Value,
            b'X' | b'W' => return PythonOption::Flags,
            _ => {}
        }
    }
    PythonOption::Flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_recognised_with_version_suffixes() {
        for path in
            ["/usr/bin/node", "/usr/bin/python3.11", "/usr/bin/nodejs", "/opt/node22", "bun", "python3.13t"]
        {
            assert!(Interpreter::named(Path::new(path)).is_some(), "{path}");
        }
        for path in ["/usr/bin/bash", "/usr/bin/nodemon", "/", "/usr/bin/pythonista", "/usr/bin/bunt"] {
            assert_eq!(Interpreter::named(Path::new(path)), None, "{path}");
        }
    }

    fn found(interpreter: Interpreter, line: &str) -> String {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        match interpreter.program(&arguments) {
            InterpretedCode::Script(script) => script.to_string_lossy().into_owned(),
            InterpretedCode::Module(name) => format!("module {}", name.to_string_lossy()),
            InterpretedCode::Unnamed => String::new(),
        }
    }

    #[test]
    fn the_script_is_the_first_argument_after_options() {
        let cases = [
            (Interpreter::Node, "a.js b", "a.js"),
            (Interpreter::Node, "--inspect -r x.js a.js", "a.js"),
            (Interpreter::Node, "--max-old-space-size=9 a.js", "a.js"),
            (Interpreter::Node, "--check a.js", "a.js"),
            (Interpreter::Node, "-- -a.js", "-a.js"),
            (Interpreter::Node, "run a.js", "run"),
            (Interpreter::Node, "-e code a.js", ""),
            (Interpreter::Node, "--title x -p code", ""),
            (Interpreter::Node, "", ""),
            (Interpreter::Bun, "run a.ts", "a.ts"),
            (Interpreter::Bun, "--bun run --cwd /x a.ts", "a.ts"),
            (Interpreter::Python, "a.py -m x", "a.py"),
            (Interpreter::Python, "-u -W ignore a.py", "a.py"),
            (Interpreter::Python, "-Xdev a.py", "a.py"),
            (Interpreter::Python, "-c code a.py", ""),
            (Interpreter::Python, "-m aider x", "module aider"),
            (Interpreter::Python, "-Im aider", "module aider"),
            (Interpreter::Python, "-maider", "module aider"),
            (Interpreter::Python, "-m", ""),
            (Interpreter::Python, "-", ""),
            (Interpreter::Python, "--check-hash-based-pycs never a.py", "a.py"),
        ];
        for (interpreter, line, expected) in cases {
            assert_eq!(found(interpreter, line), expected, "{interpreter:?} {line}");
        }
    }
}
