# Limits outlive the supervisor: restarted, upgraded, crashed and stopped it leaves them as they are, finds them again and gives new ones.
# guest: usual=bookworm
# timeout: 240

cat >/usr/local/bin/case-place <<'END'
#!/bin/sh
sed -n 's,.*/,,p' /proc/self/cgroup
END
chmod 755 /usr/local/bin/case-place
afterwards 'rm -f /usr/local/bin/case-place'

limited alpha
without_bus run-claude-limited --name plain 200M sleep 1000 &
wait_for 30 'plain=$(pgrep --exact sleep -u agent)'
alpha=$(pid_of alpha)
scopes=("$(scope_of "$alpha")" "$(scope_of "$plain")")
both="agent-claude.exe-$alpha.scope $((300 << 20)), agent-plain-$plain.scope $((200 << 20))"
limits_told() { echo "$(limit_told "claude-$alpha"), $(limit_told "limited-$plain")"; }
wait_until 30 limits_told == "$both"
brakes() { echo "$(<"${scopes[0]}/memory.high") $(<"${scopes[1]}/memory.high")"; }
wait_for 30 '[[ $(brakes) != *max* ]]'
held=$(brakes)

# What the kernel has of both: where they are, and their walls.
as_it_was() {
  expect "$1: both live" alive "$alpha" "$plain"
  expect_is "$1: in their scopes" "$(scope_of "$alpha") $(scope_of "$plain")" "${scopes[*]}"
  expect_is "$1: with their walls" "$(<"${scopes[0]}/memory.max") $(<"${scopes[1]}/memory.max")" "$((300 << 20)) $((200 << 20))"
}

# With a supervisor again: a new limit at once, and both are found and held as before.
goes_on() {
  local begun=${EPOCHREALTIME/./}
  expect_like "$1: a new limit at once" "$(without_bus run-claude-limited 100M case-place 2>&1)" '^agent-case-place-[0-9]+\.scope$'
  figure "limit after $1" "$(((${EPOCHREALTIME/./} - begun) / 1000)) ms"
  wait_for 30 '[[ $(limits_told) == "$both" && $(brakes) == "$held" ]]'
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
expect_is 'nobody is held with nobody to watch' "$(brakes)" 'max max'
expect_code 'nobody gives one' 125 without_bus run-claude-limited 100M true
systemctl start claude-watchdog.socket claude-watchdog.service
goes_on start

# What is found again is watched again: its lines act.
type_in alpha 'tool hog --do "grow 270M" --do "grow 1G 4M"'
wait_until 60 count acted "AGENT_ID=claude-$alpha" -eq 1
expect_is 'before the wall' "$(oom_of "${scopes[0]}")" 0
as_it_was 'an action'
