# Restarted, stopped or killed, the service comes back as systemd is told, and finds its agents again.
# guest: usual=trixie
# timeout: 150

start_agent alpha
before=$(daemon_pid)
restart_service
expect_not 'a new process' test "$(daemon_pid)" = "$before"

started=${EPOCHREALTIME/./}
systemctl stop claude-watchdog.service
figure stop "$(((${EPOCHREALTIME/./} - started) / 1000)) ms"
expect_is 'stopped by itself, not by a timeout' "$(property Result)/$(property ExecMainStatus)" success/0
systemctl start claude-watchdog.service

before=$(daemon_pid) restarts=$(property NRestarts)
kill -KILL "$before"
wait_for 30 "[[ \$(property NRestarts) -gt $restarts ]] && service_is_active"
expect_not 'a new process again' test "$(daemon_pid)" = "$before"
expect 'the agent noticed nothing' alive "$alpha_pid"
