# Codex at its prompt is one agent; the service that it starts and leaves behind is an agent of its own without a parent.
# guest: usual=bookworm
# timeout: 400

package=/opt/npm/codex/lib/node_modules/@openai/codex
package=$package/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl
# The service runs from a copy of the package below ~/.codex, as here after the first start. To make and check these
# 400 MB takes an emulated guest minutes.
service=/home/agent/.codex/packages/app-server-daemon
mkdir -p "$service/releases"
cp -al "$package" "$service/releases/0.169.0-x86_64-unknown-linux-musl"
ln -s bin/codex "$service/releases/0.169.0-x86_64-unknown-linux-musl/codex"
ln -s "$service/releases/0.169.0-x86_64-unknown-linux-musl" "$service/current"
chown -hR agent: /home/agent/.codex
afterwards "rm -rf $service"

# Under Node 18 a launcher waits for the program; under Node 24 it becomes the program.
if [[ $(release) == bookworm ]]; then node=/usr/bin; else node=/opt/npm/node24/bin; fi
terminal codex
type_in codex "PATH=$node:\$PATH $CODEX_ENVIRONMENT /opt/npm/codex/bin/codex"
pid=$(await 120 running "$package/bin/codex")
root=$pid own=("$pid")
if [[ $(parent "$pid") != "$(shell_of codex)" ]]; then root=$(parent "$pid") own+=("$root"); fi
expect_is 'the root was started by the shell' "$(parent "$root")" "$(shell_of codex)"
wait_until 240 shows codex 'Ask Codex to do anything'
wait_until 60 pgrep --uid agent --full 'app-server --listen'
wait_until 60 knows "codex-$root"
updates 5

agents=$(health '[.agents[] | select(.rule == "codex") | "\(.pid) \(.uid) \(.parent)"] | join(", ")')
services=$(health '[.agents[] | select(.rule != "codex") | "\(.rule) \(.parent)"] | unique | join(", ")')
expect_is 'one agent' "$agents" "$root 1000 null"
expect_is 'and services, which are no members' "$services" 'codex-app-server null'
wait_until 60 processes_of "codex-$root" -eq "${#own[@]}"
expect_true_charge 'the charge' "codex-$root" "${own[@]}"
figure node "$("$node/node" --version)"
figure processes "${#own[@]}"
figure services "$(health '[.agents[] | select(.rule != "codex")] | length')"
figure package "$(du -sm /opt/npm/codex | cut -f1)M"
