# Codex at its prompt is one agent; the service that it starts and leaves behind is one of its own and has no parent.
# timeout: 400

# Under Node 18 a launcher waits for the program; under Node 24 it becomes the program.
if [[ $(release) == bookworm ]]; then node=/usr/bin; else node=/opt/npm/node24/bin; fi
terminal codex
type_in codex "PATH=$node:\$PATH $CODEX_ENVIRONMENT /opt/npm/codex/bin/codex"
vendor=node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex
program=/opt/npm/codex/lib/node_modules/@openai/codex/$vendor
wait_for 120 "running $program"
pid=$(running "$program")
if [[ $(parent "$pid") == "$(shell_of codex)" ]]; then root=$pid; else root=$(parent "$pid"); fi
expect_is 'the root is what the shell started' "$(parent "$root")" "$(shell_of codex)"
wait_for 60 "knows codex-$root"
wait_for 240 'screen codex | grep -q "Ask Codex to do anything"'
# Its service is a copy below ~/.codex, started soon after; it belongs to whoever asks it next.
wait_for 120 'pgrep --uid agent --full "app-server --listen"'
updates 5

expect_is 'one agent' "$(health '[.agents[] | select(.rule == "codex") | "\(.pid) \(.uid) \(.parent)"] | join(", ")')" "$root 1000 null"
expect_is 'and services' "$(health '[.agents[] | select(.rule != "codex") | "\(.rule) \(.parent)"] | unique | join(", ")')" 'codex-app-server null'
own=("$pid")
if [[ $root != "$pid" ]]; then own+=("$root"); fi
expect_is 'the service is no member' "$(processes_of "codex-$root")" "${#own[@]}"
figure node "$("$node/node" --version)"
figure processes "${#own[@]}"
figure services "$(health '[.agents[] | select(.rule != "codex")] | length')"
expect_true_charge 'the charge' "codex-$root" "${own[@]}"
figure package "$(du -sm /opt/npm/codex | cut -f1)M"
