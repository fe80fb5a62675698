# Agents under a limit, and their cgroups as the kernel reports them.

# start_limited_agent NAME [LIMIT]: as start_agent, under that limit or 300M, without swap. Sets $NAME_scope, too.
start_limited_agent() {
  limited "$@"
  know_agent "$1"
  declare -g "${1}_scope=$(scope_of "$(pid_of "$1")")"
}

# limited NAME [LIMIT]: a stand-in under that limit or 300M, without swap.
limited() {
  local path
  path=$(program_of "$1")
  install -D /usr/local/bin/hog "$path"
  terminal "$1"
  type_in "$1" "run-claude-limited --swap 0 ${2-300M} $path --prompt"
  await 30 running "$path" >"$CASE/$1.pid"
}

# without_bus COMMAND…: as `agent`, without a session bus and user manager: only the service can set a limit.
without_bus() { as agent env -u XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere "$@"; }

# scope_of PID: the directory of its cgroup.
scope_of() { echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")"; }

# oom_of DIRECTORY: how many processes the kernel's OOM killer has killed in that cgroup.
oom_of() { sed -n 's/^oom_kill //p' "$1/memory.events"; }

# reported_limit ID: scope and limit of an agent, as the service reports them.
reported_limit() { health ".agents[] | select(.id == \"$1\") | \"\(.scope) \(.limit)\""; }

# throttle_of DIRECTORY: memory.high of that cgroup, `max` without a throttle.
throttle_of() { cat "$1/memory.high"; }
