//! Agents as observed running, each with its version.

use super::{ExampleProcess, recognise};
use crate::model::Role::{self, Agent, Launcher, Service};
use crate::rules::Rules;

const NODE: &str = "/usr/bin/node";
const CODEX: &str = "/usr/lib/node_modules/@openai/codex/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex";
const DAEMON: &str =
    "/home/u/.codex/packages/app-server-daemon/releases/0.169.0-x86_64-unknown-linux-musl/bin/codex";
const COPILOT: &str = "/usr/lib/node_modules/@github/copilot/node_modules/@github/copilot-linux-x64/copilot";

fn assert_all_recognised(rule: &str, rows: &[(Role, &str, &str, &str)]) {
    let rules = Rules::built_in();
    for &(role, comm, exe, argv) in rows {
        let argv: Vec<&str> = argv.split(' ').collect();
        let row = ExampleProcess { comm, exe, argv: &argv };
        let found = recognise(&rules, &row);
        let found = found.as_deref().map(|found| (found.rule.as_str(), found.role));
        assert_eq!(found, Some((rule, role)), "{} {exe} {argv:?}", row.comm);
    }
}

#[test]
fn claude_is_recognised() {
    let npm = "/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe";
    let native = "/home/u/.local/share/claude/versions/2.1.197";
    assert_all_recognised(
        "claude",
        &[
            (Agent, "claude", npm, "claude"),
            (Agent, "claude.exe", npm, "claude --resume"),
            (
                Agent,
                "claude",
                "/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe (deleted)",
                "claude",
            ),
            // Renamed by npm for an update, then removed.
            (
                Agent,
                "claude",
                "/usr/lib/node_modules/@anthropic-ai/.claude-code-AbCdEfGh/bin/claude.exe",
                "claude",
            ),
            (
                Agent,
                "claude",
                "/usr/lib/node_modules/@anthropic-ai/.claude-code-AbCdEfGh/bin/claude.exe (deleted)",
                "claude",
            ),
            (Agent, "claude", "/x/node_modules/@anthropic-ai/claude-code-linux-x64/claude", "claude"),
            (
                Agent,
                "claude",
                "/x/node_modules/.pnpm/@anthropic-ai+claude-code@2.1.197/node_modules/@anthropic-ai/claude-code/bin/claude.exe",
                "claude",
            ),
            (Agent, "claude", native, "/home/u/.local/bin/claude"),
            (Agent, "2.1.197", native, &format!("{native} -p hi")),
            // exec -a
            (Agent, "claude.exe", npm, "foo -p x"),
            (Agent, "claude", "/opt/tools/claude", "claude"),
            (Agent, "claude", "", "claude"),
            // Moved elsewhere while it ran, before it gave itself a title.
            (Agent, "claude.exe", "/opt/tools/moved", &format!("{npm} -p hi")),
            // The script that it was until 2.1.112, its title in place of its arguments or not yet.
            (Agent, "claude", NODE, "claude"),
            (Launcher, "node", NODE, "node /usr/local/bin/claude -c"),
            (Launcher, "node", NODE, "node /x/node_modules/@anthropic-ai/claude-code/cli.js"),
            (Launcher, "node", NODE, "node /home/u/.claude/local/node_modules/.bin/claude"),
            (Launcher, "node", NODE, "node --max-old-space-size=8192 /x/bin/claude"),
            (Launcher, "node", NODE, "node -r /x/hook.js /x/bin/claude"),
            (Launcher, "MainThread", NODE, "node /x/@anthropic-ai/claude-code/cli-wrapper.cjs"),
        ],
    );
}

#[test]
fn codex_is_recognised() {
    assert_all_recognised(
        "codex",
        &[
            // 0.169 under Node 20: the launcher and its child; under Node 24 the launcher becomes the child.
            (Launcher, "node", NODE, "node /usr/bin/codex"),
            (Launcher, "MainThread", NODE, "node /usr/bin/codex"),
            (Launcher, "node", NODE, "node /usr/lib/node_modules/@openai/codex/bin/codex.js exec"),
            (Agent, "codex", CODEX, CODEX),
            (Agent, "codex", CODEX, &format!("{CODEX} resume")),
            (
                Agent,
                "codex",
                "/x/@openai/.codex-linux-x64-AbCdEfGh/vendor/x86_64-unknown-linux-musl/bin/codex (deleted)",
                CODEX,
            ),
            // In the hands of an editor it is the editor's own.
            (Agent, "codex", CODEX, "codex app-server"),
            (Agent, "codex", "/home/u/.codex/packages/standalone/releases/0.169.0/codex", "codex"),
            (
                Agent,
                "codex",
                "/home/u/bin/codex-x86_64-unknown-linux-musl",
                "./codex-x86_64-unknown-linux-musl",
            ),
            (Agent, "codex", "/opt/homebrew/bin/codex", "codex"),
        ],
    );
    assert_all_recognised(
        "codex-app-server",
        &[
            (
                Service,
                "codex",
                DAEMON,
                &format!("{DAEMON} app-server --listen unix:// --analytics-default-enabled --managed-daemon"),
            ),
            (Service, "codex", DAEMON, &format!("{DAEMON} app-server daemon pid-update-loop")),
            (
                Service,
                "codex",
                "/srv/codex-home/packages/app-server-daemon/releases/0.170.0/codex (deleted)",
                "codex",
            ),
        ],
    );
}

#[test]
fn gemini_and_qwen_are_recognised() {
    assert_all_recognised(
        "gemini",
        &[
            (Launcher, "node", NODE, "node /usr/bin/gemini"),
            (Launcher, "node", NODE, &format!("{NODE} --max-old-space-size=12052 /usr/bin/gemini")),
            (Launcher, "MainThread", NODE, &format!("{NODE} --max-old-space-size=12052 /usr/bin/gemini")),
            (Launcher, "node", NODE, "node /x/node_modules/@google/gemini-cli/bundle/gemini.js"),
            (Launcher, "node", NODE, "node /x/node_modules/@google/gemini-cli/dist/index.js"),
        ],
    );
    assert_all_recognised(
        "qwen",
        &[
            (Launcher, "node", NODE, "node /usr/bin/qwen"),
            (Launcher, "node", NODE, &format!("{NODE} /usr/bin/qwen")),
            (Launcher, "MainThread", NODE, "node /x/node_modules/@qwen-code/qwen-code/cli.js -p x"),
        ],
    );
}

#[test]
fn opencode_copilot_amp_are_recognised() {
    assert_all_recognised(
        "opencode",
        &[
            (Agent, "opencode", "/usr/lib/node_modules/opencode-ai/bin/opencode.exe", "opencode"),
            (
                Agent,
                "opencode",
                "/usr/lib/node_modules/.opencode-ai-AbCdEfGh/bin/opencode.exe (deleted)",
                "opencode",
            ),
            (
                Agent,
                "opencode",
                "/x/opencode-ai/node_modules/opencode-linux-x64-baseline/bin/opencode",
                "opencode",
            ),
            (Agent, "opencode", "/home/u/.opencode/bin/opencode", "opencode"),
            (Launcher, "node", NODE, "node /usr/bin/opencode"),
        ],
    );
    assert_all_recognised(
        "copilot",
        &[
            (Launcher, "node", NODE, "node /usr/bin/copilot"),
            (Launcher, "node", NODE, "node /x/node_modules/@github/copilot/npm-loader.js"),
            (Agent, "MainThread", COPILOT, COPILOT),
            (Agent, "MainThread", "/x/node_modules/@github/.copilot-linux-x64-AbCdEfGh/copilot", COPILOT),
        ],
    );
    assert_all_recognised(
        "amp",
        &[
            (Agent, "amp", "/usr/lib/node_modules/@ampcode/cli/bin/amp.exe", "/usr/bin/amp"),
            (Agent, "amp", "/usr/lib/node_modules/@ampcode/.cli-AbCdEfGh/bin/amp.exe (deleted)", "amp"),
            (Agent, "amp", "/x/node_modules/@ampcode/cli-linux-x64/amp", "amp"),
            (Launcher, "node", NODE, "node /x/node_modules/@ampcode/cli/cli-wrapper.cjs"),
        ],
    );
}

/// By their packages and installers; these were not run.
#[test]
fn aider_goose_crush_cursor_are_recognised() {
    let python = "/usr/bin/python3.12";
    assert_all_recognised(
        "aider",
        &[
            (Agent, "aider", python, "/usr/bin/python3 /home/u/.local/bin/aider"),
            (
                Agent,
                "aider",
                "/home/u/.venv/bin/python",
                "/home/u/.venv/bin/python /home/u/.venv/bin/aider --model x",
            ),
            (Agent, "python", python, "python -m aider --yes"),
            (Agent, "python", python, "python3 -u -Im aider"),
        ],
    );
    assert_all_recognised(
        "goose",
        &[
            (Agent, "goose", "/home/u/.local/bin/goose", "goose session"),
            (Agent, "goose", "/home/linuxbrew/.linuxbrew/Cellar/block-goose-cli/1.11.0/bin/goose", "goose"),
        ],
    );
    assert_all_recognised(
        "crush",
        &[
            (Launcher, "node", NODE, "node /usr/bin/crush"),
            (Agent, "crush", "/usr/lib/node_modules/@charmland/crush/bin/crush", "crush"),
            (Agent, "crush", "/usr/bin/crush", "crush"),
        ],
    );
    let node = "/home/u/.local/share/cursor-agent/versions/2026.08.10-abc/node";
    let script = "/home/u/.local/share/cursor-agent/versions/2026.08.10-abc/index.js";
    assert_all_recognised(
        "cursor",
        &[
            (
                Agent,
                "cursor-agent",
                node,
                &format!("/home/u/.local/bin/cursor-agent --use-system-ca {script}"),
            ),
            (Agent, "agent", node, &format!("/home/u/.local/bin/agent --use-system-ca {script} -p x")),
            (Agent, "MainThread", node, "cursor-agent"),
        ],
    );
}

#[test]
fn the_command_name_is_ignored() {
    let rules = Rules::built_in();
    for comm in ["node", "MainThread", "claude", "2.1.197", ""] {
        let gemini = ExampleProcess { comm, exe: NODE, argv: &["node", "/usr/bin/gemini"] };
        assert_eq!(recognise(&rules, &gemini).map(|r| r.rule.clone()).as_deref(), Some("gemini"), "{comm}");
        let server = ExampleProcess { comm, exe: NODE, argv: &["node", "server.js"] };
        assert_eq!(recognise(&rules, &server), None, "{comm}");
    }
}

#[test]
fn each_rule_except_services_has_a_resume_command() {
    let rules = Rules::built_in();
    let row = ExampleProcess { comm: "claude", exe: "", argv: &["claude"] };
    assert_eq!(recognise(&rules, &row).and_then(|r| r.resume.clone()).as_deref(), Some("claude --continue"));
    for (name, rule) in crate::rules::built_in::patches().unwrap() {
        assert_eq!(rule.resume.is_none(), rule.service == Some(true), "{name}");
    }
}
