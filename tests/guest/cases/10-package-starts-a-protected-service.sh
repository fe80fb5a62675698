# The package brings a service that is active, enabled, protected and alone.

expect_is 'enabled' "$(systemctl is-enabled claude-watchdog.service)" enabled
expect_is 'active' "$(property ActiveState)/$(property SubState)" active/running
expect_is 'told systemd that it is ready' "$(property Type)" notify
expect_like 'says what it does' "$(property StatusText)" 'agent'
systemctl status --no-pager claude-watchdog.service >"$CASE/status"
expect 'the status is shown to a person' grep -qi 'Status:.*agent' "$CASE/status"

pid=$(daemon_pid)
expect_is 'nearly the last to be killed' "$(cat "/proc/$pid/oom_score_adj")" -900
expect_like 'has a wall of its own' "$(property MemoryMax)" '^[0-9]+$'
expect_like 'is watched by systemd' "$(property WatchdogUSec)" '^[1-9]'
expect_is 'sees nobody'"'"'s home' "$(property ProtectHome)" yes
# The right to read any file (bit 2) is there for one read, and in effect only then.
capabilities() { echo $((0x$(awk -v set="Cap$1:" '$1 == set { print $2 }' "/proc/$pid/status") & 1 << 2)); }
expect_is 'may read environments' "$(capabilities Prm)" 4
expect_is 'but obeys file modes' "$(capabilities Eff)" 0
expect_is 'has no children' "$(pgrep --parent "$pid" | wc -l)" 0
expect_is 'restarts whatever happens' "$(property Restart)" always
expect_is 'the health check is the same program' "$(realpath /usr/bin/vm-health-check)" /usr/bin/claude-watchdog
figure rss "$(ps -o rss= -p "$pid" | tr -d ' ')K"
