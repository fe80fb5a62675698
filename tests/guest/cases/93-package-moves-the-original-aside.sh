# Installation moves files of the bash original aside and purge restores them byte for byte; files in homes are only mentioned.
# guest: usual=bookworm

dpkg --purge claude-watchdog
originals=(/usr/local/bin/{claude-memory-watchdog,vm-health-check,run-claude-limited,agent-session}
  /home/agent/.local/bin/agent-session)
for file in "${originals[@]}"; do
  printf '#!/bin/bash\n# the original %s\nsleep 1000\n' "$file" | install -D -m 755 /dev/stdin "$file"
done
chown -R agent: /home/agent/.local
unit=/etc/systemd/system/claude-watchdog.service
cat >"$unit" <<'UNIT'
[Unit]
Description=Claude Code Memory Watchdog
[Service]
Environment=WATCHDOG_WARN_MB=8000
ExecStart=/usr/local/bin/claude-memory-watchdog
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now claude-watchdog.service
old=$(daemon_pid)
print() { (sha256sum "$unit" "${originals[@]}"; stat -c '%a %U %n' "$unit" "${originals[@]}"); }
before=$(print)

dpkg -i "$payload/claude-watchdog.deb" </dev/null >"$CASE/install" 2>&1
wait_until 30 service_is_active
expect_like 'the new service runs' "$(readlink "/proc/$(daemon_pid)/exe")" '^/usr/bin/claude-watchdog$'
expect 'the old one has exited' gone "$old"
expect_not 'its unit does not hide ours' test -e "$unit"
for name in claude-memory-watchdog vm-health-check run-claude-limited agent-session; do
  expect_not "no /usr/local/bin/$name before ours" test -e "/usr/local/bin/$name"
done
expect 'a home is not touched' test -e /home/agent/.local/bin/agent-session
expect 'but mentioned' grep -q /home/agent/.local/bin/agent-session "$CASE/install"

dpkg --purge claude-watchdog
expect_is 'everything is restored' "$(print)" "$before"
expect_is 'enabled as before' "$(systemctl is-enabled claude-watchdog.service)" enabled
expect 'and running' service_is_active

systemctl disable --now claude-watchdog.service
rm -f "$unit" "${originals[@]}"
systemctl daemon-reload
