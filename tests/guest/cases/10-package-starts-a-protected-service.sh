# The package installs a service that is active, enabled, protected and has no child processes.

expect_is 'enabled' "$(systemctl is-enabled claude-watchdog.service)" enabled
expect_is 'active' "$(property ActiveState)/$(property SubState)" active/running
expect_is 'reports readiness to systemd' "$(property Type)" notify
expect_like 'has a status text' "$(property StatusText)" 'agent'
systemctl status --no-pager claude-watchdog.service >"$CASE/status"
expect 'systemctl shows the status text' grep -qi 'Status:.*agent' "$CASE/status"

pid=$(daemon_pid)
expect_is 'nearly the last process for the OOM killer' "$(cat "/proc/$pid/oom_score_adj")" -900
expect_like 'has a memory limit of its own' "$(property MemoryMax)" '^[0-9]+$'
expect_like 'has a systemd watchdog' "$(property WatchdogUSec)" '^[1-9]'
expect_is 'has no access to home directories' "$(property ProtectHome)" yes
# CAP_DAC_READ_SEARCH (bit 2) is effective only during one kind of read.
capabilities() { echo $((0x$(awk -v set="Cap$1:" '$1 == set { print $2 }' "/proc/$pid/status") & 1 << 2)); }
expect_is 'may read environments' "$(capabilities Prm)" 4
expect_is 'otherwise obeys file modes' "$(capabilities Eff)" 0
expect_is 'has no children' "$(pgrep --parent "$pid" | wc -l)" 0
expect_is 'is always restarted' "$(property Restart)" always
expect_is 'the health check is the same program' "$(realpath /usr/bin/vm-health-check)" /usr/bin/claude-watchdog
figure rss "$(ps -o rss= -p "$pid" | tr -d ' ')K"
