# Restarted, stopped or killed, the service comes back as systemd is told, and finds its agents again.
# guest: usual=trixie
# timeout: 150

stand_in alpha
alpha=$(id_of alpha)
wait_for 30 "knows $alpha"
before=$(daemon_pid)
restart_service
wait_for 30 "knows $alpha"
expect_not 'a new process' test "$(daemon_pid)" = "$before"

started=${EPOCHREALTIME/./}
systemctl stop claude-watchdog.service
figure stop "$(((${EPOCHREALTIME/./} - started) / 1000)) ms"
expect_is 'stopped by itself, not by a timeout' "$(property Result)/$(property ExecMainStatus)" success/0
systemctl start claude-watchdog.service
wait_for 30 "knows $alpha"

before=$(daemon_pid) restarts=$(property NRestarts)
kill -KILL "$before"
wait_for 30 "[[ \$(property NRestarts) -gt $restarts ]] && systemctl is-active --quiet claude-watchdog.service"
expect_not 'a new process again' test "$(daemon_pid)" = "$before"
wait_for 30 "knows $alpha"
expect 'the agent noticed nothing' alive "$(pid_of alpha)"
