# Limits hold for the real Claude Code at its prompt, in logins and timers, with keys and sizes of a terminal, and around tmux.
# guest: usual=trixie
# timeout: 300

chmod 777 "$CASE"
cat >/usr/local/bin/case-place <<'END'
#!/bin/bash
place() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
here=$(place self)
echo "${here##*/} $(<"/sys/fs/cgroup$here/memory.max") from $(place "$PPID") $(tty)"
END
cat >/usr/local/bin/case-terminal <<'END'
#!/bin/bash
trap 'stty size >"$1.resized"' WINCH
{ tty; stty size; } >"$1.there"
mv "$1.there" "$1"
while :; do sleep 0.2; done
END
chmod 755 /usr/local/bin/case-place /usr/local/bin/case-terminal
afterwards 'rm -f /usr/local/bin/case-place /usr/local/bin/case-terminal'

# The real Claude Code starts while the rest runs.
program=/home/agent/.local/share/claude/versions/2.1.197
terminal real
type_in real "$CLAUDE_ENVIRONMENT run-claude-limited 1G claude"

# Logins and timers, which like cron have neither session nor terminal.
like="^agent-case-place-[0-9]+\.scope $((300 << 20)) from"
login='/user\.slice/user-1000\.slice/session-c?[0-9]+\.scope'
expect_like 'su -' "$(su - agent -c 'run-claude-limited 300M case-place' </dev/null)" "$like $login not a tty$"
expect_like 'runuser' "$(runuser --login agent --command 'run-claude-limited 300M case-place' </dev/null)" "$like "
expect_like 'a login at a terminal' "$(systemd-run --quiet --pty --wait --property=User=agent --property=PAMName=login \
  run-claude-limited 300M case-place </dev/null)" "$like .* /dev/pts/[0-9]+"
systemd-run --quiet --collect --on-active=0 --uid=agent --property="StandardOutput=file:$CASE/timer" run-claude-limited 300M case-place
wait_until 30 test -s "$CASE/timer"
expect_like 'a timer' "$(<"$CASE/timer")" "$like .* not a tty$"

# The command has the terminal.
terminal keys
key() { as agent tmux send-keys -t keys "$1"; }
shell=$(shell_of keys)
type_in keys 'sleep 997 &'
type_in keys "run-claude-limited 300M case-terminal $CASE/terminal"
wait_until 30 test -s "$CASE/terminal"
expect_is 'terminal and size' "$(paste -sd' ' "$CASE/terminal")" "$(as agent tmux display-message -p -t keys '#{pane_tty} #{pane_height} #{pane_width}')"
as agent tmux resize-window -t keys -x 101 -y 31
wait_until 20 test -s "$CASE/terminal.resized"
expect_is 'it gets a change of size' "$(<"$CASE/terminal.resized")" "$(as agent tmux display-message -p -t keys '#{pane_height} #{pane_width}')"
key C-c
type_in keys 'run-claude-limited 300M sleep 1001'
command=$(await 30 pid_of_command 'sleep 1001' -u agent)
kept=$(pid_of_command 'sleep 997' -u agent)

# Two at once, each in a scope of its own.
real=$(await 60 running "$program")
wait_until 60 reported_limit "claude-$real" == "agent-claude-$real.scope $((1 << 30))"
wait_until 30 reported_limit "limited-$command" == "agent-sleep-$command.scope $((300 << 20))"

# Signals.
key C-z
wait_until 20 state_of "$command" == T
wait_until 20 shows keys Stopped
type_in keys fg
wait_until 20 state_of "$command" == S
expect_is 'stopped and continued it stays in its scope' "$(scope_of "$command")" "/sys/fs/cgroup/agents.slice/agent-sleep-$command.scope"
key C-c
wait_until 20 gone "$command"
type_in keys "echo \$? >$CASE/interrupted"
type_in keys 'run-claude-limited 300M sleep 1002'
command=$(await 30 pid_of_command 'sleep 1002' -u agent)
kill -TERM "$command"
type_in keys "echo \$? >$CASE/terminated"
wait_until 20 test -s "$CASE/terminated"
expect_is 'the exit codes in the shell' "$(<"$CASE/interrupted") $(<"$CASE/terminated")" '130 143'
expect 'signals reach the command only' alive "$shell" "$kept" "$real"

# A tmux server inside, with a pane that was opened from outside.
without_bus run-claude-limited --swap 0 --name inner 300M sh -c 'tmux -L inner new-session -d -s mine "sleep 998"; sleep 1003' &
inner() { as agent tmux -L inner "$@"; }
wait_until 30 inner has-session -t mine
inner new-session -d -s yours 'sleep 999'
server=$(inner display-message -p '#{pid}')
scope=$(scope_of "$server")
root=${scope##*-} root=${root%.scope}
mapfile -t panes < <(inner list-panes -a -F '#{pane_pid}')
for pane in "${panes[@]}"; do expect_is 'both panes are in it' "$(scope_of "$pane")" "$scope"; done
# The server's parent had exited before the first sample.
wait_until 30 reported_limit "limited-$root" == "${scope##*/} $((300 << 20))"
leak=$(inner new-session -d -P -F '#{pane_pid}' -s leak 'exec hog --do "grow 270M" --do "grow 1G 4M"')
wait_until 60 count acted "AGENT_ID=limited-$root" -eq 1
expect_is 'the leak is the culprit' "$(field act CULPRIT_PID "AGENT_ID=limited-$root")" "$leak"
expect 'server and panes are alive' alive "$root" "$server" "${panes[@]}"
expect_is 'no OOM kill' "$(oom_of "$scope")" 0

# Another user cannot change it.
refused() { # refused WHAT SHELL-COMMANDS: as the other user
  local output
  if output=$(as other bash -c "$2" 2>&1); then fail "not refused: $1"; fi
  expect_like "$1, with a reason" "$output" 'denied|not permitted|not available|authentication|owner'
}
theirs=/sys/fs/cgroup/user.slice/user-1001.slice/user@1001.service
unit=${scope##*/}
refused 'to join the scope' "echo \$\$ >$scope/cgroup.procs"
refused 'to move it out' "echo $root >$theirs/cgroup.procs"
refused 'to lift the limit' "echo max >$scope/memory.max"
refused 'to kill the cgroup' "echo 1 >$scope/cgroup.kill"
refused 'to stop the unit' "systemctl --no-ask-password stop $unit"
refused 'to kill the unit' "systemctl --no-ask-password kill $unit"
refused 'to set a property' "systemctl --no-ask-password set-property --runtime $unit MemoryMax=infinity"
refused 'to attach a process elsewhere' "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager \
  AttachProcessesToUnit ssau $unit '' 1 $root"
refused 'to stop it through the service' "claude-watchdog stop limited-$root"
expect 'which is logged' wait_until 10 logged "user 1001 .*limited-$root" -ge 1
expect 'it is as it was' alive "$root" "$server" "${panes[@]}"
expect_is 'with its limit' "$(<"$scope/memory.max") $(scope_of "$root")" "$((300 << 20)) $scope"

# A stop of the whole agent spares the server, which has panes of others; it stays in the scope.
as agent claude-watchdog stop "limited-$root"
wait_until 20 gone "$root"
expect 'server and panes are still alive' alive "$server" "${panes[@]}"
expect_is 'in the scope' "$(scope_of "$server") $(<"$scope/memory.max")" "$scope $((300 << 20))"

# The real Claude Code at its prompt.
wait_until 180 shows real '❯'
scope=$(scope_of "$real")
tree() { # tree PID: and all below
  local child
  echo "$1"
  for child in $(pgrep --parent "$1"); do tree "$child"; done
}
places() { # the cgroups of those that have not exited meanwhile
  local pid
  for pid in $(tree "$real"); do sed -n 's/^0:://p' "/proc/$pid/cgroup" 2>/dev/null || true; done | sort -u
}
holds_for 5 places == "${scope#/sys/fs/cgroup}"
# After a minute, too.
age_of() { ps -o etimes= -p "$1" | tr -d ' '; }
wait_until 90 age_of "$real" -ge 62
expect_is 'it is still in its scope' "/sys/fs/cgroup$(places)" "$scope"
expect_is 'by its rule' "$(agent_health "claude-$real" rule)" claude
uncounted() { echo $(($(lines_in "$scope/cgroup.procs") - $(processes_of "claude-$real"))); }
wait_until 30 uncounted -eq 0
expect_is 'nothing of it was killed' "$(oom_of "$scope") $(count act "AGENT_ID=claude-$real")" '0 0'
figure processes "$(wc -l <"$scope/cgroup.procs")"
figure charge "$(mib "$(charge_of "claude-$real")")"
figure up "$(age_of "$real") s"
