# A limit in daily life: the real Claude Code at its prompt, logins and timers, the keys of a terminal, and tmux inside of it.
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

# The real one comes up while the rest goes on.
program=/home/agent/.local/share/claude/versions/2.1.197
terminal real
type_in real "$CLAUDE_ENVIRONMENT run-claude-limited 1G claude"

# Logins and timers: cron has neither session nor terminal either.
like="^agent-case-place-[0-9]+\.scope $((300 << 20)) from"
login='/user\.slice/user-1000\.slice/session-c?[0-9]+\.scope'
expect_like 'su -' "$(su - agent -c 'run-claude-limited 300M case-place' </dev/null)" "$like $login not a tty$"
expect_like 'runuser' "$(runuser --login agent --command 'run-claude-limited 300M case-place' </dev/null)" "$like "
expect_like 'a login at a terminal' "$(systemd-run --quiet --pty --wait --property=User=agent --property=PAMName=login \
  run-claude-limited 300M case-place </dev/null)" "$like .* /dev/pts/[0-9]+"
systemd-run --quiet --collect --on-active=0 --uid=agent --property="StandardOutput=file:$CASE/timer" run-claude-limited 300M case-place
wait_until 30 test -s "$CASE/timer"
expect_like 'a timer' "$(<"$CASE/timer")" "$like .* not a tty$"

# A terminal is the command's own.
terminal keys
key() { as agent tmux send-keys -t keys "$1"; }
shell=$(shell_of keys)
type_in keys 'sleep 997 &'
type_in keys "run-claude-limited 300M case-terminal $CASE/terminal"
wait_until 30 test -s "$CASE/terminal"
expect_is 'terminal and size' "$(paste -sd' ' "$CASE/terminal")" "$(as agent tmux display-message -p -t keys '#{pane_tty} #{pane_height} #{pane_width}')"
as agent tmux resize-window -t keys -x 101 -y 31
wait_until 20 test -s "$CASE/terminal.resized"
expect_is 'it hears of another size' "$(<"$CASE/terminal.resized")" "$(as agent tmux display-message -p -t keys '#{pane_height} #{pane_width}')"
key C-c
type_in keys 'run-claude-limited 300M sleep 1001'
wait_for 30 'command=$(pid_of_command "sleep 1001" -u agent)'
kept=$(pid_of_command 'sleep 997' -u agent)

# Two at once, each in a scope of its own.
wait_for 60 "running $program >$CASE/real.pid"
real=$(pid_of real)
wait_until 60 reported_limit "claude-$real" == 'agent-claude-$real.scope $((1 << 30))'
wait_until 30 reported_limit "limited-$command" == 'agent-sleep-$command.scope $((300 << 20))'

# Signals.
key C-z
wait_for 20 "ps -o stat= -p $command | grep -q '^T'"
wait_for 20 'screen keys | grep -q Stopped'
type_in keys fg
wait_for 20 "ps -o stat= -p $command | grep -q '^S'"
expect_is 'stopped and continued it stays' "$(scope_of "$command")" "/sys/fs/cgroup/agents.slice/agent-sleep-$command.scope"
key C-c
wait_until 20 gone "$command"
type_in keys "echo \$? >$CASE/interrupted"
type_in keys 'run-claude-limited 300M sleep 1002'
wait_for 30 'command=$(pid_of_command "sleep 1002" -u agent)'
kill -TERM "$command"
type_in keys "echo \$? >$CASE/terminated"
wait_until 20 test -s "$CASE/terminated"
expect_is 'as the shell shows them' "$(<"$CASE/interrupted") $(<"$CASE/terminated")" '130 143'
expect 'they reach the command only' alive "$shell" "$kept" "$real"

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
# The server's parent had ended before anybody looked.
wait_for 30 "[[ \$(reported_limit limited-$root) == '${scope##*/} $((300 << 20))' ]]"
leak=$(inner new-session -d -P -F '#{pane_pid}' -s leak 'exec hog --do "grow 270M" --do "grow 1G 4M"')
wait_until 60 count acted "AGENT_ID=limited-$root" -eq 1
expect_is 'the leak' "$(field act CULPRIT_PID "AGENT_ID=limited-$root")" "$leak"
expect 'server and panes live' alive "$root" "$server" "${panes[@]}"
expect_is 'before the wall' "$(oom_of "$scope")" 0

# Somebody else's hands off it.
refused() { # refused WHAT SHELL-COMMANDS: as the other user
  local said
  if said=$(as other bash -c "$2" 2>&1); then fail "nobody refuses $1"; fi
  expect_like "$1, and why" "$said" 'denied|not permitted|not available|authentication|only its owner'
}
theirs=/sys/fs/cgroup/user.slice/user-1001.slice/user@1001.service
unit=${scope##*/}
refused 'to come in' "echo \$\$ >$scope/cgroup.procs"
refused 'to take it out' "echo $root >$theirs/cgroup.procs"
refused 'to lift the wall' "echo max >$scope/memory.max"
refused 'to end all' "echo 1 >$scope/cgroup.kill"
refused 'to stop it' "systemctl --no-ask-password stop $unit"
refused 'to kill it' "systemctl --no-ask-password kill $unit"
refused 'to set it' "systemctl --no-ask-password set-property --runtime $unit MemoryMax=infinity"
refused 'to move somebody' "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager \
  AttachProcessesToUnit ssau $unit '' 1 $root"
refused 'to end it through us' "claude-watchdog stop limited-$root"
expect 'which is logged' wait_for 10 "journalctl --quiet --no-pager --since='$CASE_SINCE' -u claude-watchdog.service \
  --grep 'user 1001 .* may not end limited-$root' --output=cat"
expect 'it is as it was' alive "$root" "$server" "${panes[@]}"
expect_is 'with its wall' "$(<"$scope/memory.max") $(scope_of "$root")" "$((300 << 20)) $scope"

# The whole agent ends; what holds panes of others does not, and stays within.
as agent claude-watchdog stop "limited-$root"
wait_until 20 gone "$root"
expect 'server and panes live on' alive "$server" "${panes[@]}"
expect_is 'inside' "$(scope_of "$server") $(<"$scope/memory.max")" "$scope $((300 << 20))"

# The real one at its prompt.
wait_until 180 shows real '❯'
scope=$(scope_of "$real")
tree() { # tree PID: and all below
  local child
  echo "$1"
  for child in $(pgrep --parent "$1"); do tree "$child"; done
}
places() { # of those that live on while we look
  local pid
  for pid in $(tree "$real"); do sed -n 's/^0:://p' "/proc/$pid/cgroup" 2>/dev/null || true; done | sort -u
}
hold_for 5 "[[ /sys/fs/cgroup\$(places) == $scope ]]"
# And after a minute.
wait_until 90 ps -o etimes= -p "$real" -ge 62
expect_is 'it is there still' "/sys/fs/cgroup$(places)" "$scope"
expect_is 'by its rule' "$(agent_health "claude-$real" rule)" claude
wait_until 30 processes_of "claude-$real" == "$(wc -l <$scope/cgroup.procs)"
expect_is 'nobody of it was ended' "$(oom_of "$scope") $(count act "AGENT_ID=claude-$real")" '0 0'
figure processes "$(wc -l <"$scope/cgroup.procs")"
figure charge "$(mib "$(charge_of "claude-$real")")"
figure up "$(ps -o etimes= -p "$real" | tr -d ' ') s"
