# systemd holds the socket: a client that calls while the service restarts after a crash gets an answer; a stopped service stays
# stopped.
# guest: usual=trixie

socket=/run/claude-watchdog/io.moltdown.Watchdog
expect_is 'the unit is enabled' "$(systemctl is-enabled claude-watchdog.socket)" enabled
expect_is 'and listens' "$(systemctl is-active claude-watchdog.socket)" active
expect_is 'for every user' "$(stat -c '%a %U' "$socket")" '666 root'
expect_is 'the service uses the passed socket' \
  "$(tr '\0' '\n' <"/proc/$(daemon_pid)/environ" | grep -c '^LISTEN_FDS=1$')" 1
expect_code 'another daemon does not take it over' 1 claude-watchdog daemon
expect 'with a reason' grep -qE 'another (supervisor|daemon)|already (running|in use)' "$CASE/command-output"

# A crash: a client that calls meanwhile waits for the answer.
rm -f /tmp/case-enough
as agent bash -c 'while [[ ! -e /tmp/case-enough ]]; do vm-health-check >/dev/null; echo $?; done' >"$CASE/codes" &
clients=$!
afterwards 'rm -f /tmp/case-enough'
wait_until 20 lines_in "$CASE/codes" -ge 3
before=$(daemon_pid)
kill -KILL "$before"
wait_until 40 daemon_pid =~ "^[1-9]"
wait_until 40 daemon_pid != "$before"
wait_until 40 service_is_active
wait_until 20 lines_in "$CASE/codes" -ge $(($(lines_in "$CASE/codes") + 3))
touch /tmp/case-enough
wait "$clients"
figure clients "$(wc -l <"$CASE/codes"), without an answer $(grep -c 3 "$CASE/codes" || true)"
# A client whose connection was cut retries for 5 s. A restart may take longer in an emulated guest.
expect 'clients get answers' test "$(($(grep -c 3 "$CASE/codes" || true) * 4))" -le "$(wc -l <"$CASE/codes")"

systemctl stop claude-watchdog.service
for user in agent root; do
  expect_code 'no client starts it again' 3 as "$user" vm-health-check
done
expect_is 'stopped' "$(systemctl is-active claude-watchdog.service)" inactive
expect_is 'with its socket' "$(systemctl is-active claude-watchdog.socket)" inactive
expect_not 'of which no file is left' test -e "$socket"

# The socket alone starts the service with its first client.
systemctl start claude-watchdog.socket
expect_is 'not yet' "$(systemctl is-active claude-watchdog.service)" inactive
expect_code 'the first client is answered' 0 as agent vm-health-check
expect_is 'by the service' "$(systemctl is-active claude-watchdog.service)" active

# With an invalid configuration the first client gets the reason, and later ones do not start the service again.
echo '[thresholds' >/etc/claude-watchdog/config.toml.d/50-case.toml
systemctl stop claude-watchdog.service
systemctl start claude-watchdog.socket
expect_code 'no daemon' 3 as agent vm-health-check --json
expect 'with a remedy' grep -q 'claude-watchdog check-config' "$CASE/command-output"
wait_until 20 systemctl is-failed --quiet claude-watchdog.service
wait_until 20 systemctl is-active claude-watchdog.socket == inactive
for _ in 1 2 3; do expect_code 'nor for the next clients' 3 as agent vm-health-check --json; done
expect 'with a hint' grep -q 'systemctl status claude-watchdog' "$CASE/command-output"
expect_is 'one start for all of them' "$(logged 'Failed with result .exit-code')" 1
expect_code 'a restart by root fails' 1 systemctl restart claude-watchdog.service
expect_is 'with the exit code of an invalid configuration' "$(property ExecMainStatus)" 78
rm /etc/claude-watchdog/config.toml.d/50-case.toml
systemctl start claude-watchdog.service
expect_code 'and all is well again' 0 as agent vm-health-check
expect_is 'with the socket' "$(systemctl is-active claude-watchdog.socket)" active

# A client that requests a limit during a restart, as in an upgrade, gets it.
rm -f /tmp/case-enough
as agent bash -c 'while [[ ! -e /tmp/case-enough ]]; do run-claude-limited 64M true; echo $?; done' \
  >"$CASE/limits" 2>"$CASE/refusals" &
clients=$!
for _ in 1 2 3 4; do
  wait_until 30 lines_in "$CASE/limits" -gt "$(lines_in "$CASE/limits")"
  systemctl restart claude-watchdog.service
done
touch /tmp/case-enough
wait "$clients"
figure limits "$(wc -l <"$CASE/limits")"
expect_is 'none was refused' "$(sort -u "$CASE/limits") $(<"$CASE/refusals")" '0 '

# Without the socket unit the service creates its own socket.
systemctl mask --quiet --now claude-watchdog.socket
afterwards 'systemctl unmask --quiet claude-watchdog.socket; systemctl restart claude-watchdog.service'
restart_service
wait_until 20 service_is_active
expect_code 'an own socket' 0 as agent vm-health-check
