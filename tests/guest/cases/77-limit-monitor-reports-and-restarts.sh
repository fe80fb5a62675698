# The waiter of a limited command stays outside of it and in its job, says what memory did, and runs it again.
# guest: usual=trixie
# timeout: 180

path=$(program_of alpha)
install -D /usr/local/bin/hog "$path"
terminal alpha
# waited OPTIONS: the agent below a waiter; sets pid and waiter.
waited() {
  type_in alpha "clear; run-claude-limited $1 --swap 0 300M $path --prompt"
  agent_runs
  waiter=$(parent "$pid")
}
agent_runs() {
  wait_for 30 "running $path && grep -q agents.slice /proc/\$(running $path)/cgroup"
  pid=$(running "$path")
}
# Over its line, too slowly to meet the wall before it is ended.
overrun() {
  wait_until 30 knows "claude-$pid"
  type_in alpha 'grow 240M'
  type_in alpha 'grow 400M 20M'
}
group() { ps -o pgid= -p "$1" | tr -d ' '; }
state() { ps -o stat= -p "$1" | cut -c1; }
# Lines of a terminal are as wide as it is.
said() { as agent tmux capture-pane -p -J -t alpha | grep -c "$1" || true; }

waited '--report'
expect_like 'the agent is in its scope' "$(</proc/"$pid"/cgroup)" '/agents.slice/agent-claude.exe-[0-9]+\.scope$'
expect_not 'the waiter is not' grep -q agents.slice "/proc/$waiter/cgroup"
expect_is 'one process group' "$(group "$waiter")" "$(group "$pid")"

# Ctrl-Z and fg.
as agent tmux send-keys -t alpha C-z
wait_for 20 "[[ \$(state $pid)\$(state $waiter) == TT ]]"
type_in alpha 'echo back to $((40 + 2)); fg'
wait_for 20 "[[ \$(said 'back to 42') == 1 && \$(state $pid)\$(state $waiter) == SS ]]"

# Its own overrun is ended by its line, and told in one line.
overrun
wait_until 60 gone "$pid" "$waiter"
type_in alpha 'echo code=$?'
wait_until 20 said "^code=143$" -eq 1
expect_is 'one line' "$(said 'run-claude-limited: ')" 1
expect_is 'says who' "$(said "the supervisor ended claude.exe (process $pid) at .*, over its kill line of .*; limit 300M, peak ")" 1
expect_is 'and how to go on' "$(said 'take up its work with: cd /home/agent/work && claude --continue$')" 1

# An action on it: it comes back, takes up its work, and ends when somebody asks for that.
waited '--restart=on-oom'
first=$pid
overrun
wait_until 60 gone "$first"
wait_until 30 running "$path"
agent_runs
expect_is 'by the same waiter' "$(parent "$pid")" "$waiter"
expect_is 'as its kind does it' "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$path --continue "
expect_is 'said' "$(said 'run again in 1s (1 of 5 within an hour): in /home/agent/work, ')" 1
wait_until 30 knows "claude-$pid"
expect_code 'its owner ends it' 0 as agent claude-watchdog stop "claude-$pid"
wait_until 30 gone "$waiter"
expect_not 'which is its end' running "$path"

# The wall, without a supervisor.
systemctl stop claude-watchdog.socket claude-watchdog.service
afterwards 'systemctl start claude-watchdog.socket claude-watchdog.service'
waited '--report --restart=on-oom'
first=$pid
type_in alpha 'tool hog --until 1G'
wait_for 30 "grep -q '^oom_kill 1' /sys/fs/cgroup\$(sed -n s/^0:://p /proc/$pid/cgroup)/memory.events"
# A child's end is not its own, and told at that only.
holds_for 1 alive "$pid"
type_in alpha 'grow 400M'
wait_until 60 gone "$first"
wait_until 30 running "$path"
agent_runs
expect_is 'said again' "$(said 'the kernel ended claude.exe (process .*) and 1 process more in its scope at the wall; limit 300M, peak 300M; run again in 1s')" 1
expect_is 'with what is known of its kind' "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$path --continue "
type_in alpha 'exit 3'
wait_until 20 gone "$waiter"
type_in alpha 'echo code=$?'
wait_until 20 said "^code=3$" -eq 1
expect_is 'an end by itself is the end' "$(said 'run again')" 1
