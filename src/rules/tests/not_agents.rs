//! Processes that resemble an agent and are not one.

use super::{ExampleProcess, recognise};
use crate::rules::Rules;

#[test]
fn programs_that_mention_an_agent_are_not_agents() {
    const NODE: &str = "/usr/bin/node";
    const CLAUDE: &str = "/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe";
    const CODEX: &str = "/x/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex";
    let rules = Rules::built_in();
    let rows: &[(&str, &[&str])] = &[
        // Programs of users.
        (NODE, &["node", "server.js"]),
        (NODE, &["node", "/home/u/claude-x/server.js"]),
        (NODE, &["node", "/home/u/claude/index.js"]),
        (NODE, &["node", "/home/u/claude"]),
        (NODE, &["node", "/home/u/gemini-cli/index.js"]),
        (NODE, &["node", "cli.js"]),
        (NODE, &["node", "-e", "require('claude')"]),
        (NODE, &["node", "-e", "1", "/usr/bin/claude"]),
        (NODE, &["node", "/usr/lib/node_modules/npm/bin/npm-cli.js", "install", "@anthropic-ai/claude-code"]),
        ("/usr/bin/python3", &["python3", "-m", "claude"]),
        ("/usr/bin/python3", &["python3", "-m", "http.server", "aider"]),
        ("/usr/bin/python3", &["python3", "-c", "import aider"]),
        ("/usr/bin/python3", &["claude", "leak.py"]),
        ("/usr/bin/python3", &["python3", "/home/u/aider/train.py"]),
        // The shells of Claude, which have its directory in their command line.
        (
            "/usr/bin/bash",
            &["/bin/bash", "-c", "source /home/u/.claude/shell-snapshots/snapshot-bash-1.sh && eval 'make'"],
        ),
        ("/usr/bin/bash", &["bash", "/usr/local/bin/claude"]),
        // Programs that read files of agents, or run agents in them.
        ("/usr/bin/grep", &["grep", "claude"]),
        ("/usr/bin/less", &["less", "/home/u/.claude/x"]),
        ("/usr/bin/vim", &["vim", "claude"]),
        ("/usr/bin/vim", &["vim", "/home/u/src/claude.rs"]),
        ("/usr/bin/tmux", &["tmux", "new", "-s", "claude"]),
        ("/usr/bin/systemd-run", &["systemd-run", "--user", "--scope", "claude"]),
        ("/usr/bin/claude-watchdog", &["claude-watchdog", "daemon"]),
        // Agents under other names are other programs: their search tools, their sandbox.
        (CLAUDE, &["rg", "--no-config", "--files"]),
        (CLAUDE, &["bfs", "-S", "dfs", "."]),
        (CLAUDE, &["ugrep", "-r", "x"]),
        (CLAUDE, &["apply-seccomp", "bash"]),
        (CODEX, &["codex-linux-sandbox", "--", "bash"]),
        (CODEX, &["/home/u/.codex/tmp/arg0/codex-arg0a1b2/apply_patch"]),
        (
            "/x/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex-code-mode-host",
            &["codex-code-mode-host"],
        ),
        // The `goose` that migrates databases, an editor called amp, the CLI of AWS Copilot.
        ("/usr/local/bin/goose", &["goose", "up"]),
        ("/home/u/go/bin/goose", &["goose", "postgres", "dsn", "up"]),
        ("/home/linuxbrew/.linuxbrew/Cellar/goose/3.24.1/bin/goose", &["goose", "status"]),
        ("/usr/bin/amp", &["amp", "file.rs"]),
        ("/usr/local/bin/copilot", &["copilot", "deploy"]),
        ("", &[]),
        ("", &[""]),
        (NODE, &[]),
    ];
    for (exe, argv) in rows {
        assert_eq!(recognise(&rules, &ExampleProcess { comm: "claude", exe, argv }), None, "{exe} {argv:?}");
    }
}
