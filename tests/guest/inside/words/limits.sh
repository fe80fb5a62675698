# What runs under a limit, and where the kernel says that it is.

# limited NAME [LIMIT]: a stand-in in a terminal of that name, under that limit or 300M, without swap.
limited() {
  local path
  path=$(program_of "$1")
  install -D /usr/local/bin/hog "$path"
  terminal "$1"
  type_in "$1" "run-claude-limited --swap 0 ${2-300M} $path --prompt"
  wait_for 30 "running $path >$CASE/$1.pid"
}

# without_bus COMMAND…: as `agent`, without a session and a manager of its own: a limit comes from the supervisor or not at all.
without_bus() { as agent env -u XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere "$@"; }

# scope_of PID: the folder of the cgroup that it is in.
scope_of() { echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")"; }

# oom_of FOLDER: how many the kernel's OOM killer has ended in that cgroup.
oom_of() { sed -n 's/^oom_kill //p' "$1/memory.events"; }

# limit_told ID: scope and limit of an agent, as the service says.
limit_told() { health ".agents[] | select(.id == \"$1\") | \"\(.scope) \(.limit)\""; }
