# Limits outlive the daemon: after a restart, an upgrade, a crash and a stop they are unchanged, found again, and new ones can be set.
# guest: usual=bookworm
# timeout: 240

cat >/usr/local/bin/case-place <<'END'
#!/bin/sh
sed -n 's,.*/,,p' /proc/self/cgroup
END
chmod 755 /usr/local/bin/case-place
afterwards 'rm -f /usr/local/bin/case-place'

start_limited_agent alpha
without_bus run-claude-limited --name plain 200M sleep 1000 &
plain=$(await 30 pgrep --exact sleep -u agent)
scopes=("$alpha_scope" "$(scope_of "$plain")")
both="agent-claude.exe-$alpha_pid.scope $((300 << 20)), agent-plain-$plain.scope $((200 << 20))"
reported_limits() { echo "$(reported_limit "$alpha"), $(reported_limit "limited-$plain")"; }
wait_until 30 reported_limits == "$both"
throttles() { echo "$(throttle_of "${scopes[0]}") $(throttle_of "${scopes[1]}")"; }
wait_until 30 throttles =~ '^[0-9]+ [0-9]+$'
throttled=$(throttles)

# Their cgroups and limits in the kernel.
as_it_was() {
  expect "$1: both are alive" alive "$alpha_pid" "$plain"
  expect_is "$1: in their scopes" "$(scope_of "$alpha_pid") $(scope_of "$plain")" "${scopes[*]}"
  expect_is "$1: with their limits" "$(<"${scopes[0]}/memory.max") $(<"${scopes[1]}/memory.max")" "$((300 << 20)) $((200 << 20))"
}

# With a daemon again: a new limit at once, and both are found and throttled as before.
goes_on() {
  local begun=${EPOCHREALTIME/./}
  expect_like "$1: a new limit at once" "$(without_bus run-claude-limited 100M case-place 2>&1)" '^agent-case-place-[0-9]+\.scope$'
  figure "limit after $1" "$(((${EPOCHREALTIME/./} - begun) / 1000)) ms"
  wait_until 30 reported_limits == "$both"
  wait_until 30 throttles == "$throttled"
  expect_not "$1: it is another process" test "$(daemon_pid)" = "$before"
  before=$(daemon_pid)
  as_it_was "$1"
}

before=$(daemon_pid)
restart_service
goes_on restart

dpkg -i "$payload/claude-watchdog.deb" </dev/null
goes_on upgrade

kill -KILL "$before"
as_it_was 'in between'
goes_on crash

systemctl stop claude-watchdog.socket claude-watchdog.service
as_it_was stop
expect_is 'no throttle without a daemon' "$(throttles)" 'max max'
expect_code 'and no new limit' 125 without_bus run-claude-limited 100M true
systemctl start claude-watchdog.socket claude-watchdog.service
goes_on start

# An agent that was found again is supervised again.
type_in alpha 'tool hog --do "grow 270M" --do "grow 1G 4M"'
wait_until 60 count acted "AGENT_ID=$alpha" -eq 1
expect_is 'no OOM kill' "$(oom_of "${scopes[0]}")" 0
as_it_was 'an action'
