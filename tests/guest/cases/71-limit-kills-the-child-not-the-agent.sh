# In a limit a child dies and its agent lives; a slow leak is ended in order before the wall.
# timeout: 300

chmod 777 "$CASE"
limited alpha
alpha=$(id_of alpha) pid=$(pid_of alpha)
wait_until 30 knows "$alpha"
scope=$(scope_of "$pid")
expect_like 'in its scope' "$scope" '/agents.slice/agent-claude.exe-[0-9]+\.scope$'
wait_until 30 agent_health "$alpha" limit -eq $((300 << 20))
expect_is 'which is told' "$(agent_health "$alpha" scope)" "${scope##*/}"
line=$(agent_health "$alpha" kill_line)
expect 'its line is just below' test "$line" -gt $((285 << 20)) -a "$line" -lt $((300 << 20))

# A slow leak of a tool: TERM to that one, before the kernel ends anybody.
type_in alpha 'tool hog --rate 20M --until 1G'
wait_until 120 count acted "AGENT_ID=$alpha" -ge 1
expect 'the agent lives' alive "$pid"
expect_is 'by its line' "$(field act CAUSE "AGENT_ID=$alpha")" line
expect_is 'which is its own' "$(field act LINE_BYTES "AGENT_ID=$alpha")" "$line"
expect_is 'before the wall' "$(oom_of "$scope")" 0
wait_until 20 not leaks

# Who leaves it is told of, and counts on.
type_in alpha 'tool systemd-run --user --scope --quiet sleep 999'
wait_for 30 'left=$(pgrep --exact sleep -u agent)'
left=$(pgrep --exact sleep -u agent)
expect_not 'it has left' grep -q agents.slice "/proc/$left/cgroup"
wait_until 60 logged "$alpha: process .*$left.* left ${scope##*/}" -ge 1
expect 'the health check has it' test "$(health '.notes[]' | grep -c "$left")" = 1
expect_is 'and its verdict' "$(health .verdict)" warning
note=$(as agent claude-watchdog explain --json "$left" | jq -r '.notes[]')
expect_like 'whoever asks of it is told' "$note" "^it has left ${scope##*/}, whose limit no longer holds"
kill "$left"
wait_until 60 health .verdict == ok

# Without a supervisor the kernel ends the child, which the agent sees as 137, and no more than that.
systemctl stop claude-watchdog.socket claude-watchdog.service
cat >"$CASE/leak" <<END
hog --until 1G
echo \$? >$CASE/leak.code
END
type_in alpha "tool sh $CASE/leak"
wait_until 60 test -s "$CASE/leak.code"
expect_is 'as the kernel says' "$(<"$CASE/leak.code")" 137
expect 'the agent lives on' alive "$pid"
hold_for 3 "[[ -d $scope ]] && alive $pid"
systemctl start claude-watchdog.socket claude-watchdog.service
wait_until 30 agent_health "$alpha" limit -eq $((300 << 20))

# The agent itself.
before=$(oom_of "$scope")
type_in alpha 'grow 400M 20M'
wait_until 120 gone "$pid"
expect_is 'its own overrun is ended in order' "$(field act CULPRIT_PID "AGENT_ID=$alpha" "CULPRIT_PID=$pid")" "$pid"
expect 'the terminal lives' alive "$(shell_of alpha)"
wait_until 20 not test -d "$scope"

# What no rule knows is an agent all the same.
as agent run-claude-limited 300M sleep 1000 &
wait_for 30 'other=$(pgrep --exact sleep -u agent)'
wait_for 30 "knows limited-$(pgrep --exact sleep -u agent)"
pkill --exact sleep -u agent
