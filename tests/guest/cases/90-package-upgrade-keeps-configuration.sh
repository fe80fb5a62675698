# An upgrade keeps the administrator's configuration and the state, and restarts the service.
# guest: usual=trixie

echo '# mine' >>/etc/claude-watchdog/config.toml
printf '[thresholds]\nwarn = "333M"\n' >/etc/claude-watchdog/config.toml.d/50-case.toml
install -D /dev/null /var/lib/claude-watchdog/case-kept
before=$(daemon_pid)
dpkg -i "$payload/claude-watchdog.deb" </dev/null

expect 'the edit is there' grep -qx '# mine' /etc/claude-watchdog/config.toml
expect 'the drop-in is there' test -e /etc/claude-watchdog/config.toml.d/50-case.toml
expect 'the state is there' test -e /var/lib/claude-watchdog/case-kept
rm /var/lib/claude-watchdog/case-kept
wait_until 30 service_is_active
expect_not 'the new program runs' test "$(daemon_pid)" = "$before"
start_agent alpha
expect_is 'with the drop-in' "$(health '.agents[0].warn_threshold')" $((333 << 20))
