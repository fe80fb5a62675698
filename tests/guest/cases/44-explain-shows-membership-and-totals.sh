# `explain` shows why a process belongs to an agent or to none; for other users' processes it shows totals only.
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
# The child belongs to it after the next sample.
wait_until 30 explained agent "$child" .membership.agent == "$alpha"

root=$alpha_pid
expect_is 'the root' "$(explained agent "$root" .membership.joined)" root
expect_is 'its rule' "$(explained agent "$root" .recognition.matched)" claude
expect_is 'a child' "$(explained agent "$child" .membership.joined)" child
expect_is 'matched by no rule' "$(explained agent "$child" .recognition.matched)" null
wait_until 60 explained agent "$child" .memory.charge -gt $((50 << 20))
expect_is 'its shares were read' "$(explained agent "$child" .memory.look)" 'done'
expect 'and are near its memory' test "$(explained agent "$child" .memory.shares.private)" -gt $((50 << 20))
expect_is 'its cgroup is the kernel'"'"'s' "$(explained agent "$child" .cgroup.path)" "$(sed -n 's/^0:://p' "/proc/$child/cgroup")"
expect_is 'a cgroup with a terminal in it is shared' "$(explained agent "$child" .cgroup.use_by)" shared
expect_like 'the threshold and its origin' "$(explained agent "$child" .thresholds.kill.origin)" '50-case.toml:3$'

shell=$(shell_of alpha)
expect_is 'the shell above belongs to no agent' "$(explained agent "$shell" .membership)" null
expect_like 'with a reason' "$(explained agent "$shell" .because)" "$alpha"
expect_is 'it is never signalled' "$(explained agent "$shell" .signals.never)" true
expect_like 'a kernel thread' "$(explained agent 2 .because)" 'kernel'

as agent claude-watchdog explain "$child" >"$CASE/plain"
expect 'as text' grep -q "$alpha" "$CASE/plain"
expect_is 'in 80 columns' "$(grep -c '.\{81\}' "$CASE/plain")" 0
expect_code 'no such process' 1 as agent claude-watchdog explain 4194303

as other claude-watchdog explain "$root" --json >"$CASE/seen"
expect_is 'another user sees the total' "$(jq -r .agent.id "$CASE/seen")" "$alpha"
expect 'and the charge' test "$(jq .memory.charge "$CASE/seen")" -gt 0
expect_not 'but no program, path or argument' grep -q -e /home/agent -e /opt/agents -e user@ -e '--prompt' "$CASE/seen"
expect_like 'root sees all' "$(explained root "$root" .process.exe)" '^/opt/agents/alpha/'

kill -STOP "$child"
expect_is 'a stopped process can be read' "$(explained agent "$child" .memory.look)" 'done'
kill -CONT "$child"

if has_varlinkctl; then
  reply=$(varlinkctl call --json=short "$socket" io.moltdown.Watchdog.Explain "{\"pid\":$child}")
  expect_is 'over the socket, too' "$(jq -r .explanation.membership.agent <<<"$reply")" "$alpha"
  error=$(varlinkctl call "$socket" io.moltdown.Watchdog.Explain '{"pid":4194303}' 2>&1 || true)
  expect_like 'the error has its name' "$error" 'NoSuchProcess'
  varlinkctl introspect "$socket" io.moltdown.Watchdog >"$CASE/interface"
  expect 'it is described' grep -q 'method Explain' "$CASE/interface"
  figure client varlinkctl
fi

systemctl stop claude-watchdog.service
expect_code 'without a service' 3 as agent claude-watchdog explain "$root"
expect 'the answer is the same' grep -q "$alpha" "$CASE/command-output"
expect_is 'and says that no service runs' "$(as agent claude-watchdog explain "$root" --json | jq .watched)" false
