# Restarted, stopped and started, or killed, the service finds its agents again.
# guest: usual=trixie
# timeout: 150

start_agent alpha
before=$(daemon_pid)
restart_service
wait_until 30 knows "$alpha"
expect_not 'a new process' test "$(daemon_pid)" = "$before"

started=${EPOCHREALTIME/./}
systemctl stop claude-watchdog.service
figure stop "$(((${EPOCHREALTIME/./} - started) / 1000)) ms"
expect_is 'stopped by itself, not by a timeout' "$(property Result)/$(property ExecMainStatus)" success/0
systemctl start claude-watchdog.service
wait_until 30 knows "$alpha"

before=$(daemon_pid) restarts=$(property NRestarts)
kill -KILL "$before"
wait_until 30 property NRestarts -gt "$restarts"
wait_until 30 service_is_active
expect_not 'a new process again' test "$(daemon_pid)" = "$before"
wait_until 30 knows "$alpha"
expect 'the agent is unaffected' alive "$alpha_pid"
