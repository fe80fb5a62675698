# Lines beyond the guest are lowered and said; the original's environment variables set them, in MiB.
# guest: usual=trixie

total=$(awk '$1 == "MemTotal:" { print $2 * 1024 }' /proc/meminfo)
start_agent alpha
line() { health ".agents[] | select(.id == \"$alpha\") | .$1"; }
expect_is '55 % warns' "$((($(line warn_line) + 4096) * 100 / total))" 55
expect_is '85 % acts' "$((($(line kill_line) + 4096) * 100 / total))" 85

printf 'WATCHDOG_WARN_MB=300\nWATCHDOG_KILL_MB=600\n' >/etc/default/claude-watchdog
restart_service
expect_is 'the environment warns' "$(line warn_line)" $((300 << 20))
expect_is 'the environment acts' "$(line kill_line)" $((600 << 20))

printf 'WATCHDOG_KILL_MB=13000\n' >/etc/default/claude-watchdog
restart_service
expect 'a line is never out of reach' test "$(line kill_line)" -le $((total * 85 / 100))
expect 'and that is said' grep -q '(from WATCHDOG_KILL_MB) is above 85% of this guest' <(journalctl --since="$CASE_SINCE" -u claude-watchdog.service)
