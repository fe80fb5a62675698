# Removing ends the service and keeps the configuration; installing again brings everything back.
# guest: usual=bookworm

echo '# mine' >>/etc/claude-watchdog/config.toml
pid=$(daemon_pid)
dpkg --remove claude-watchdog
wait_for 10 "gone $pid"
expect_not 'no service' systemctl is-active --quiet claude-watchdog.service
for file in /usr/bin/claude-watchdog /usr/bin/vm-health-check /run/claude-watchdog; do
  expect_not "no $file" test -e "$file"
done
expect 'the configuration stays' grep -qx '# mine' /etc/claude-watchdog/config.toml

dpkg -i "$payload/claude-watchdog.deb" </dev/null
wait_for 30 'systemctl is-active --quiet claude-watchdog.service'
expect_is 'enabled again' "$(systemctl is-enabled claude-watchdog.service)" enabled
expect 'the configuration is still there' grep -qx '# mine' /etc/claude-watchdog/config.toml
