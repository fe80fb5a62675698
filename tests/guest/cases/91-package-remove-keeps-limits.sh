# Removal stops the service and keeps the configuration and running limited commands; a new installation restores everything.
# guest: usual=bookworm

echo '# mine' >>/etc/claude-watchdog/config.toml
start_limited_agent alpha
scope=$alpha_scope
wait_until 30 throttle_of "$scope" != max
as_it_was() {
  expect "$1: the limited agent is alive" alive "$alpha_pid"
  expect_is "$1: in its scope" "$(scope_of "$alpha_pid")" "$scope"
  expect_is "$1: with its limit" "$(<"$scope/memory.max")" $((300 << 20))
}

pid=$(daemon_pid)
dpkg --remove claude-watchdog
wait_until 10 gone "$pid"
expect_not 'no service' service_is_active
for file in /usr/bin/claude-watchdog /usr/bin/vm-health-check /run/claude-watchdog; do
  expect_not "no $file" test -e "$file"
done
expect 'the configuration stays' grep -qx '# mine' /etc/claude-watchdog/config.toml
as_it_was removed
expect_is 'no throttle without a daemon' "$(throttle_of "$scope")" max

dpkg -i "$payload/claude-watchdog.deb" </dev/null
wait_until 30 service_is_active
expect_is 'enabled again' "$(systemctl is-enabled claude-watchdog.service)" enabled
expect 'the configuration is still there' grep -qx '# mine' /etc/claude-watchdog/config.toml
expect_is 'it listens' "$(systemctl is-active claude-watchdog.socket)" active
expect_code 'and answers' 0 as agent vm-health-check
as_it_was 'installed again'
wait_until 30 reported_limit "$alpha" == "${scope##*/} $((300 << 20))"
wait_until 30 throttle_of "$scope" != max
