# Whoever asks why a process belongs to an agent, or to none, is told; of other users' processes totals only.
# guest: usual=trixie
# timeout: 200

thresholds 300M 600M
start_agent alpha
type_in alpha 'tool hog --until 60M; sleep 1000'
child=$(await 30 leaks)
socket=/run/claude-watchdog/io.moltdown.Watchdog

explained() { # explained USER PID FILTER
  as "$1" claude-watchdog explain "$2" --json | jq -r "$3"
}
# The child belongs to it once a tick has seen it.
wait_until 30 explained agent "$child" .membership.agent == "$alpha"

root=$alpha_pid
expect_is 'the root' "$(explained agent "$root" .membership.joined)" root
expect_is 'its rule' "$(explained agent "$root" .recognition.matched)" claude
expect_is 'a child' "$(explained agent "$child" .membership.joined)" child
expect_is 'no rule knows it' "$(explained agent "$child" .recognition.matched)" null
wait_until 60 explained agent "$child" .memory.charge -gt $((50 << 20))
expect_is 'its shares were read' "$(explained agent "$child" .memory.look)" 'done'
expect 'and are about what it costs' test "$(explained agent "$child" .memory.shares.private)" -gt $((50 << 20))
expect_is 'it stands where the kernel says' "$(explained agent "$child" .cgroup.path)" "$(sed -n 's/^0:://p' "/proc/$child/cgroup")"
expect_is 'a cgroup with a terminal in it is shared' "$(explained agent "$child" .cgroup.use_by)" shared
expect_like 'the line and its place' "$(explained agent "$child" .lines.kill.origin)" '50-case.toml:3$'

shell=$(shell_of alpha)
expect_is 'the shell above belongs to none' "$(explained agent "$shell" .membership)" null
expect_like 'and why' "$(explained agent "$shell" .because)" "^$alpha descends from it"
expect_is 'it is never signalled' "$(explained agent "$shell" .signals.never)" true
expect_like 'a part of the kernel' "$(explained agent 2 .because)" 'kernel'

as agent claude-watchdog explain "$child" >"$CASE/plain"
expect 'a person reads it' grep -q "belongs to $alpha" "$CASE/plain"
expect_is 'in 80 columns' "$(grep -c '.\{81\}' "$CASE/plain")" 0
expect_code 'nobody is there' 1 as agent claude-watchdog explain 4194303

as other claude-watchdog explain "$root" --json >"$CASE/seen"
expect_is 'another user sees the total' "$(jq -r .agent.id "$CASE/seen")" "$alpha"
expect 'and the charge' test "$(jq .memory.charge "$CASE/seen")" -gt 0
expect_not 'but nothing of what runs' grep -q -e /home/agent -e /opt/agents -e user@ -e '--prompt' "$CASE/seen"
expect_like 'root sees all' "$(explained root "$root" .process.exe)" '^/opt/agents/alpha/'

kill -STOP "$child"
expect_is 'a stopped process can be read' "$(explained agent "$child" .memory.look)" 'done'
kill -CONT "$child"

if command -v varlinkctl >/dev/null; then
  told=$(varlinkctl call --json=short "$socket" io.moltdown.Watchdog.Explain "{\"pid\":$child}")
  expect_is 'another client is told, too' "$(jq -r .explanation.membership.agent <<<"$told")" "$alpha"
  error=$(varlinkctl call "$socket" io.moltdown.Watchdog.Explain '{"pid":4194303}' 2>&1 || true)
  expect_like 'the error has its name' "$error" 'NoSuchProcess'
  varlinkctl introspect "$socket" io.moltdown.Watchdog >"$CASE/interface"
  expect 'it is described' grep -q 'method Explain' "$CASE/interface"
  figure client varlinkctl
fi

systemctl stop claude-watchdog.service
expect_code 'without a service' 3 as agent claude-watchdog explain "$root"
expect 'it is told all the same' grep -q "belongs to $alpha" "$CASE/command-output"
expect 'and that nobody watches' grep -q 'nobody watches' "$CASE/command-output"
