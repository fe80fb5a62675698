# Gemini at its prompt, a launcher and the child it starts with a larger heap, is one agent, however late the child starts.
# guest: usual=trixie
# timeout: 400

# Node 24 names the main thread of both `MainThread`. Bookworm's own Node is too old for Gemini.
if [[ $(release) == bookworm ]]; then node=/opt/npm/node24/bin; else node=/usr/bin; fi
terminal gemini
type_in gemini "PATH=$node:\$PATH $GEMINI_ENVIRONMENT /opt/npm/gemini/bin/gemini"
root=$(await 60 pgrep --parent "$(shell_of gemini)" --full bin/gemini)
wait_until 280 shows gemini 'Type your message'
wait_until 60 knows "gemini-$root"
updates 5

agents=$(health '[.agents[] | "\(.rule) \(.pid) \(.uid) \(.parent)"] | join(", ")')
expect_is 'one agent' "$agents" "gemini $root 1000 null"
# Waits, because it starts a shell now and then.
wait_until 60 processes_of "gemini-$root" -eq 2
figure node "$("$node/node" --version)"
figure thread "$(cat "/proc/$root/comm")"
expect_true_charge 'the charge' "gemini-$root" "$root" "$(pgrep --parent "$root")"
# SIGTERM reaches the program although its launcher ignores it.
expect_code 'it is stopped' 0 as agent claude-watchdog stop --json "gemini-$root"
expect_is 'by SIGTERM alone' "$(jq -r '.signals | join(" ")' "$CASE/command-output")" TERM
expect_is 'all of its processes' "$(pgrep --uid agent --full bin/gemini | wc -l)" 0
figure package "$(du -sm /opt/npm/gemini | cut -f1)M"
