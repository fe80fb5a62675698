# A limit applies wherever its command is started from; exit codes, signals and arguments are the command's own.

scopes() { ls -d /sys/fs/cgroup/agents.slice/agent-*.scope 2>/dev/null || true; }
# Prints the cgroup and the limits of the command.
cat >/usr/local/bin/case-where <<'END'
#!/bin/bash
IFS=: read -r _ _ path < <(grep ^0:: /proc/self/cgroup)
cd "/sys/fs/cgroup$path" && echo "${path##*/} $(<memory.max) $(<memory.swap.max) $(<memory.oom.group) $*"
END
cat >/usr/local/bin/case-inherited <<'END'
#!/bin/bash
IFS=: read -r _ _ path < <(grep ^0:: /proc/self/cgroup)
cd "/sys/fs/cgroup$path" && echo "$(<memory.max) $(<memory.swap.max) $(<pids.max) $(<cpu.max)"
END
chmod 755 /usr/local/bin/case-where /usr/local/bin/case-inherited
afterwards 'rm -f /usr/local/bin/case-where /usr/local/bin/case-inherited'
limit=$((300 << 20))
like="^agent-case-where-[0-9]+\.scope $limit $((limit / 16 / 65536 * 65536)) 0"

# Without a bus and a user session, as under cron and su.
as agent env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS run-claude-limited 300M case-where a 'b c' >"$CASE/where" 2>&1
expect_like 'without a bus' "$(<"$CASE/where")" "$like a b c$"
expect_like 'from su' "$(su agent -c 'run-claude-limited 300M case-where')" "$like"
expect_like 'under sudo' "$(sudo -u agent run-claude-limited 300M case-where)" "$like"
expect_like 'as root' "$(run-claude-limited 300M case-where)" "$like"
expect_like 'from a unit of the system' "$(systemd-run --quiet --pipe --wait --uid=agent run-claude-limited 300M case-where)" "$like"
expect_code 'not in a unit with a limit of its own' 125 systemd-run --quiet --pipe --wait --uid=agent -p MemoryMax=1G run-claude-limited 300M case-where
expect_like 'with the reason' "$(<"$CASE/command-output")" '1G.*the command was not run'
expect_code 'nor in one with a throttle' 125 systemd-run --quiet --pipe --wait --uid=agent -p MemoryHigh=1G run-claude-limited 300M case-where
expect_is 'limits of swap, tasks and processor time are inherited' \
  "$(systemd-run --quiet --pipe --wait --uid=agent -p MemorySwapMax=0 -p TasksMax=77 -p CPUQuota=50% run-claude-limited 300M case-inherited 2>/dev/null)" \
  "$limit 0 77 50000 100000"
expect_like 'except for root' "$(systemd-run --quiet --pipe --wait -p MemoryMax=1G run-claude-limited 300M case-where)" "$like"
expect_like 'from a unit of the user' "$(as agent systemd-run --user --quiet --pipe --wait run-claude-limited 300M case-where)" "$like"
expect_like 'with a swap limit and a name' "$(as agent run-claude-limited --swap 0 --name mine 300M -- case-where)" \
  "^agent-mine-[0-9]+\.scope $limit 0 "
chmod 777 "$CASE"
terminal alpha
type_in alpha "run-claude-limited 300M case-where >$CASE/tmux; echo >$CASE/tmux.end"
wait_until 30 test -e "$CASE/tmux.end"
expect_like 'inside tmux' "$(<"$CASE/tmux")" "$like"
wait_until 20 scopes == ''

# The cap: on a small guest the default of 12G is reduced to it, with one message.
cap=$(</sys/fs/cgroup/agents.slice/memory.max)
expect 'all together have 85 %' near "$cap" "$(share 85)" 1
as agent run-claude-limited case-where >"$CASE/where" 2>"$CASE/message"
expect_like 'reduced to the cap' "$(<"$CASE/where")" " $cap "
expect_is 'with one line' "$(lines_in "$CASE/message")" 1
expect_like 'about the limit' "$(<"$CASE/message")" '12G'

# Without the system bus there is no manager to ask.
afterwards 'test ! -e /run/dbus/aside || mv /run/dbus/aside /run/dbus/system_bus_socket'
mv /run/dbus/system_bus_socket /run/dbus/aside
expect_code 'not without the system bus' 125 run-claude-limited 300M case-where
expect 'and nothing is run without it' grep -q "the command was not run" "$CASE/command-output"
mv /run/dbus/aside /run/dbus/system_bus_socket

# Exit codes.
expect_code 'its own' 7 as agent run-claude-limited 300M sh -c 'exit 7'
code=0; as agent run-claude-limited 300M sh -c 'kill -TERM $$' || code=$?
expect_is 'of a signal' "$code" 143
expect_code 'not found' 127 as agent run-claude-limited 300M /nowhere
expect_code 'not executable' 126 as agent run-claude-limited 300M /etc/passwd
expect_code 'no limit' 125 as agent run-claude-limited 8GB true
expect_code 'no valid option' 125 as agent run-claude-limited --swap x 300M true
expect_code 'too small' 125 as agent run-claude-limited 1K true
expect 'and nothing is run' grep -q "the command was not run" "$CASE/command-output"

# The original's form runs claude once.
# Not below /run, from where nothing can be executed.
afterwards 'rm -rf /opt/case-bin'
mkdir -p /opt/case-bin
printf '#!/bin/sh\necho "claude:$*"\n' >/opt/case-bin/claude
chmod -R 755 /opt/case-bin
for form in '300M' '300M claude'; do
  # shellcheck disable=SC2086 # words of one form
  expect_is "$form" "$(as agent env PATH=/opt/case-bin:/usr/bin:/bin run-claude-limited $form --help)" 'claude:--help'
done

# Inside a limit another one only tightens it.
expect_like 'not wider' "$(as agent run-claude-limited 300M sh -c 'run-claude-limited 1G case-where' 2>"$CASE/message")" "^agent-sh-[0-9]+\.scope $limit "
expect_like 'with a message' "$(<"$CASE/message")" 'agent-sh'
expect_like 'tighter' "$(as agent run-claude-limited 300M sh -c 'run-claude-limited 200M case-where' 2>/dev/null)" "^agent-sh-[0-9]+\.scope $((200 << 20)) "

# A user cannot limit another user's process.
as agent run-claude-limited 300M sleep 1000 &
pid=$(await 30 pgrep --exact sleep -u agent)
varlink() {
  python3 - "$@" <<'END'
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect("/run/claude-watchdog/io.moltdown.Watchdog")
s.sendall(json.dumps({"method": "io.moltdown.Watchdog.Limit", "parameters": json.loads(sys.argv[1])}).encode() + b"\0")
print(s.recv(65536).rstrip(b"\0").decode())
END
}
expect_like 'refused' "$(cd / && sudo -u other bash -c "$(declare -f varlink); varlink '{\"limit\":100000000,\"pid\":$pid}'")" PermissionDenied
expect 'and logged' wait_until 10 logged "user $(id -u other) .*limit.*$pid" -ge 1
expect_is 'its limit is unchanged' "$(cat /sys/fs/cgroup/agents.slice/agent-sleep-*.scope/memory.max)" "$limit"

# Limits stay without the service, and are found again.
systemctl stop claude-watchdog.socket claude-watchdog.service
expect_is 'without the service' "$(cat /sys/fs/cgroup/agents.slice/agent-sleep-*.scope/memory.max)" "$limit"
expect_like 'set by root itself' "$(run-claude-limited 300M case-where)" "$like"
expect_like 'set by the user'"'"'s manager' "$(as agent run-claude-limited 300M case-where)" "$like"
expect_code 'otherwise not' 125 as agent env -u XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere run-claude-limited 300M case-where
expect 'with a remedy' grep -q 'systemctl start claude-watchdog' "$CASE/command-output"
expect_code 'with --best-effort' 0 as agent env -u XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere run-claude-limited --best-effort 300M true
expect 'with a message' grep -qE 'running without a memory limit' "$CASE/command-output"
as agent run-claude-limited 300M sh -c "while [ ! -e $CASE/again ]; do sleep 0.2; done; run-claude-limited 200M case-where" >"$CASE/own" &
own=$!
scope_of_the_manager() { ls -d /sys/fs/cgroup/user.slice/user-*.slice/user@*.service/agents.slice/agent-sh-*.scope; }
wait_until 30 scope_of_the_manager
systemctl start claude-watchdog.socket claude-watchdog.service
touch "$CASE/again"
wait "$own"
expect_like 'a limit of the user'"'"'s manager can be tightened' "$(<"$CASE/own")" "^agent-sh-[0-9]+\.scope $((200 << 20)) "

# A new daemon does not know the features of this systemd yet. Several requests at once.
others=()
for _ in 1 2 3 4; do
  as agent run-claude-limited 300M true 2>>"$CASE/new" &
  others+=($!)
done
for other in "${others[@]}"; do wait "$other"; done
expect_is 'all are limited' "$(<"$CASE/new")" ''
