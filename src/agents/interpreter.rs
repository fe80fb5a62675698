//! Programs that run other programs: what counts is their script.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Options of node, bun, deno and python whose value is the next argument. Code and modules are not among them:
/// they end the search.
const OPTIONS_WITH_VALUE: [&[u8]; 10] = [
    b"-r",
    b"--require",
    b"--import",
    b"--loader",
    b"--experimental-loader",
    b"-C",
    b"--conditions",
    b"-X",
    b"-W",
    b"--env-file",
];

/// Options that say the program is not in a file.
const CODE: [&[u8]; 7] = [b"-e", b"--eval", b"-p", b"--print", b"-pe", b"-c", b"-m"];

/// Words before the script: `bun run x`, `deno run x`.
const SUBCOMMANDS: [&[u8]; 1] = [b"run"];

/// Whether the program at `path` runs scripts. Shells are none: a wrapper script is not the agent that it starts.
pub(super) fn is_one(path: &Path) -> bool {
    let Some(name) = path.file_name().map(OsStrExt::as_bytes) else { return false };
    let is_version = |rest: &[u8]| rest.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    [b"node".as_slice(), b"nodejs", b"bun", b"deno", b"python"]
        .iter()
        .any(|program| name.strip_prefix(*program).is_some_and(is_version))
}

/// The script among the arguments that follow `argv[0]`; `None` where there is none, as after `-c` and `-e`.
pub(super) fn script(arguments: &[OsString]) -> Option<&OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let bytes = argument.as_bytes();
        match bytes {
            b"--" => return arguments.next(),
            b"" | b"-" => return None,
            _ if CODE.contains(&bytes) => return None,
            _ if OPTIONS_WITH_VALUE.contains(&bytes) => {
                arguments.next();
            }
            _ if bytes.starts_with(b"-") || SUBCOMMANDS.contains(&bytes) => {}
            _ => return Some(argument),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_known_with_their_versions() {
        for path in ["/usr/bin/node", "/usr/bin/python3.11", "/usr/bin/nodejs", "/opt/node22", "bun"] {
            assert!(is_one(Path::new(path)), "{path}");
        }
        for path in ["/usr/bin/bash", "/usr/bin/nodemon", "/", "/usr/bin/pythonista"] {
            assert!(!is_one(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn the_script_stands_after_the_options() {
        let find = |line: &str| {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            script(&arguments).map(|s| s.to_string_lossy().into_owned())
        };
        assert_eq!(find("a.js b").as_deref(), Some("a.js"));
        assert_eq!(find("--inspect -r x.js a.js").as_deref(), Some("a.js"));
        assert_eq!(find("run a.ts").as_deref(), Some("a.ts"));
        assert_eq!(find("-- -a.js").as_deref(), Some("-a.js"));
        assert_eq!(find("-e code a.js"), None);
        assert_eq!(find("-m module"), None);
        assert_eq!(find(""), None);
    }
}
