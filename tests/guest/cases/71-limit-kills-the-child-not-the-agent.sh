# In a limit the leaking child is killed and its agent lives; a slow leak is terminated in order before the kernel's OOM killer acts.
# timeout: 300

chmod 777 "$CASE"
start_limited_agent alpha
pid=$alpha_pid scope=$alpha_scope
expect_like 'in its scope' "$scope" '/agents.slice/agent-claude.exe-[0-9]+\.scope$'
wait_until 30 agent_health "$alpha" limit -eq $((300 << 20))
expect_is 'which is reported' "$(agent_health "$alpha" scope)" "${scope##*/}"
threshold=$(agent_health "$alpha" kill_threshold)
expect 'its kill threshold is just below' test "$threshold" -gt $((285 << 20)) -a "$threshold" -lt $((300 << 20))

# A slow leak of a tool gets SIGTERM, without an OOM kill.
type_in alpha 'tool hog --rate 20M --until 1G'
wait_until 120 count acted "AGENT_ID=$alpha" -ge 1
expect 'the agent is alive' alive "$pid"
expect_is 'for its threshold' "$(field act CAUSE "AGENT_ID=$alpha")" threshold
expect_is 'of its own' "$(field act THRESHOLD_BYTES "AGENT_ID=$alpha")" "$threshold"
expect_is 'no OOM kill' "$(oom_of "$scope")" 0
wait_until 20 not leaks

# A process that leaves the scope is reported and still counts.
type_in alpha 'tool systemd-run --user --scope --quiet sleep 999'
left=$(await 30 pgrep --exact sleep -u agent)
expect_not 'it has left' grep -q agents.slice "/proc/$left/cgroup"
wait_until 60 logged "$left.*${scope##*/}" -ge 1
expect 'the health check notes it' test "$(health '.notes[]' | grep -c "$left")" = 1
expect_is 'with a verdict' "$(health .verdict)" warning
note=$(as agent claude-watchdog explain --json "$left" | jq -r '.notes[]')
expect_like 'explain shows it' "$note" "${scope##*/}"
kill "$left"
wait_until 60 health .verdict == ok

# Without the service the kernel kills the child and nothing else.
systemctl stop claude-watchdog.socket claude-watchdog.service
cat >"$CASE/leak" <<END
hog --until 1G
echo \$? >$CASE/leak.code
END
type_in alpha "tool sh $CASE/leak"
wait_until 60 test -s "$CASE/leak.code"
expect_is 'the agent sees SIGKILL' "$(<"$CASE/leak.code")" 137
expect 'the agent is still alive' alive "$pid"
scope_with_its_agent() { test -d "$scope" && alive "$pid"; }
holds_for 3 scope_with_its_agent
systemctl start claude-watchdog.socket claude-watchdog.service
wait_until 30 agent_health "$alpha" limit -eq $((300 << 20))

# The agent itself.
type_in alpha 'grow 400M 20M'
wait_until 120 gone "$pid"
expect_is 'the agent itself is killed in order' "$(field act CULPRIT_PID "AGENT_ID=$alpha" "CULPRIT_PID=$pid")" "$pid"
expect 'the terminal is alive' alive "$(shell_of alpha)"
wait_until 20 not test -d "$scope"

# A limited command that matches no rule is an agent as well.
as agent run-claude-limited 300M sleep 1000 &
wait_until 30 knows "limited-$(await 30 pgrep --exact sleep -u agent)"
pkill --exact sleep -u agent
