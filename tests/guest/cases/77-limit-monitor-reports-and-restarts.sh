# The monitor of a limited command stays outside its scope and in its job, reports a kill for memory, and restarts the command.
# guest: usual=trixie
# timeout: 180

path=$(program_of alpha)
install -D /usr/local/bin/hog "$path"
terminal alpha
# monitored OPTIONS: starts the agent below a monitor; sets pid and monitor.
monitored() {
  type_in alpha "clear; run-claude-limited $1 --swap 0 300M $path --prompt"
  agent_runs
  monitor=$(parent "$pid")
}
agent_runs() {
  wait_until 30 limited_program
  pid=$(running "$path")
}
limited_program() { grep -q agents.slice "/proc/$(running "$path")/cgroup"; }
# Over its kill threshold, too slowly to reach the limit first.
overrun() {
  wait_until 30 knows "claude-$pid"
  type_in alpha 'grow 240M'
  type_in alpha 'grow 400M 20M'
}
group() { ps -o pgid= -p "$1" | tr -d ' '; }
states() { echo "$(state_of "$pid")$(state_of "$monitor")"; }
# shown REGEX: how many lines on the screen match; wrapped lines are joined.
shown() { as agent tmux capture-pane -p -J -t alpha | grep -cE "$1" || true; }

monitored '--report'
expect_like 'the agent is in its scope' "$(</proc/"$pid"/cgroup)" '/agents.slice/agent-claude.exe-[0-9]+\.scope$'
expect_not 'the monitor is not' grep -q agents.slice "/proc/$monitor/cgroup"
expect_is 'one process group' "$(group "$monitor")" "$(group "$pid")"

# Ctrl-Z and fg.
as agent tmux send-keys -t alpha C-z
wait_until 20 states == TT
type_in alpha 'echo back to $((40 + 2)); fg'
wait_until 20 shown 'back to 42' -eq 1
wait_until 20 states == SS

# Killed over its threshold; the report is one line.
overrun
wait_until 60 gone "$pid" "$monitor"
type_in alpha 'echo code=$?'
wait_until 20 shown '^code=143$' -eq 1
expect_is 'one line' "$(shown 'run-claude-limited: ')" 1
expect_is 'with process and limit' "$(shown "claude-watchdog killed claude\.exe \(pid $pid\) at .*, over its kill threshold of .*; limit 300M, peak ")" 1
expect_is 'and how to resume' "$(shown 'resume with: cd /home/agent/work && claude --continue$')" 1

# Killed and restarted: it resumes; a stop on request is final.
monitored '--restart=on-oom'
first=$pid
overrun
wait_until 60 gone "$first"
wait_until 30 running "$path"
agent_runs
expect_is 'by the same monitor' "$(parent "$pid")" "$monitor"
expect_is 'with the option of its kind' "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$path --continue "
expect_is 'with a message' "$(shown 'restarting in 1s \(1 of 5 within an hour\): in /home/agent/work, ')" 1
wait_until 30 knows "claude-$pid"
expect_code 'its owner stops it' 0 as agent claude-watchdog stop "claude-$pid"
wait_until 30 gone "$monitor"
expect_not 'it is not restarted' running "$path"

# At the limit, without the service.
systemctl stop claude-watchdog.socket claude-watchdog.service
afterwards 'systemctl start claude-watchdog.socket claude-watchdog.service'
monitored '--report --restart=on-oom'
first=$pid
type_in alpha 'tool hog --until 1G'
wait_until 30 oom_of "$(scope_of "$pid")" -eq 1
# A killed child does not end the command, and is reported only with that.
holds_for 1 alive "$pid"
type_in alpha 'grow 400M'
wait_until 60 gone "$first"
wait_until 30 running "$path"
agent_runs
expect_is 'with a message about both kills' "$(shown 'the kernel killed claude\.exe \(pid .*\) and 1 other process in its scope at its limit; limit 300M, peak 300M; restarting in 1s')" 1
expect_is 'restarted with the option of its kind' "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$path --continue "
type_in alpha 'exit 3'
wait_until 20 gone "$monitor"
type_in alpha 'echo code=$?'
wait_until 20 shown '^code=3$' -eq 1
expect_is 'no restart after its own exit' "$(shown 'restarting in')" 1
