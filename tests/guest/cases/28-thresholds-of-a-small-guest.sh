# Thresholds beyond the guest's memory are lowered and that is logged; the original's environment variables set them, in MiB.
# guest: usual=trixie

total=$(awk '$1 == "MemTotal:" { print $2 * 1024 }' /proc/meminfo)
start_agent alpha
expect_is 'warn at 55 %' "$((($(agent_health "$alpha" warn_threshold) + 4096) * 100 / total))" 55
expect_is 'kill at 85 %' "$((($(agent_health "$alpha" kill_threshold) + 4096) * 100 / total))" 85

printf 'WATCHDOG_WARN_MB=300\nWATCHDOG_KILL_MB=600\n' >/etc/default/claude-watchdog
restart_service
wait_until 30 knows "$alpha"
expect_is 'warn threshold of the environment' "$(agent_health "$alpha" warn_threshold)" $((300 << 20))
expect_is 'kill threshold of the environment' "$(agent_health "$alpha" kill_threshold)" $((600 << 20))

printf 'WATCHDOG_KILL_MB=13000\n' >/etc/default/claude-watchdog
restart_service
wait_until 30 knows "$alpha"
expect 'a threshold is never out of reach' test "$(agent_health "$alpha" kill_threshold)" -le $((total * 85 / 100))
expect 'and that is logged' test "$(logged 'WATCHDOG_KILL_MB.*85 ?%|85 ?%.*WATCHDOG_KILL_MB')" -ge 1
