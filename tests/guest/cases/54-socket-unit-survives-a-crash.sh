# The socket is systemd's: a client that calls while the service comes back after a crash is answered, and a service that was stopped stays stopped.
# guest: usual=trixie

socket=/run/claude-watchdog/io.moltdown.Watchdog
expect_is 'the unit is enabled' "$(systemctl is-enabled claude-watchdog.socket)" enabled
expect_is 'and listens' "$(systemctl is-active claude-watchdog.socket)" active
expect_is 'for everybody' "$(stat -c '%a %U' "$socket")" '666 root'
expect_is 'the service answers on what it was passed' \
  "$(tr '\0' '\n' <"/proc/$(daemon_pid)/environ" | grep -c '^LISTEN_FDS=1$')" 1
expect_code 'another supervisor does not take it over' 1 claude-watchdog daemon
expect 'and says why' grep -q 'another supervisor answers here' "$CASE/command-output"

# A crash: whoever calls meanwhile waits, and nobody is told that there is no supervisor.
rm -f /tmp/case-enough
as agent bash -c 'while [[ ! -e /tmp/case-enough ]]; do vm-health-check >/dev/null; echo $?; done' >"$CASE/codes" &
clients=$!
afterwards 'rm -f /tmp/case-enough'
wait_until 20 wc -l "<$CASE/codes" -ge 3
before=$(daemon_pid)
kill -KILL "$before"
wait_for 40 '[[ $(daemon_pid) != 0 && $(daemon_pid) != "$before" ]] && service_is_active'
count=$(wc -l <"$CASE/codes")
wait_until 20 wc -l "<$CASE/codes" -ge $(($count + 3))
touch /tmp/case-enough
wait "$clients"
figure clients "$(wc -l <"$CASE/codes"), without an answer $(grep -c 3 "$CASE/codes" || true)"
# Who was being talked to by the one that was killed asks once more; only a restart that takes longer than its 5 s is too
# long, and that an emulated guest may need.
expect 'they are answered' test "$(($(grep -c 3 "$CASE/codes" || true) * 4))" -le "$(wc -l <"$CASE/codes")"

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

# A configuration that is wrong: the client learns it at once, and nobody starts the service in vain after that.
tried() {
  journalctl --quiet --no-pager --since="$CASE_SINCE" --output=cat -u claude-watchdog.service \
    --grep 'Failed with result .exit-code' | wc -l
}
echo '[lines' >/etc/claude-watchdog/config.toml.d/50-case.toml
systemctl stop claude-watchdog.service
systemctl start claude-watchdog.socket
expect_code 'no supervisor' 3 as agent vm-health-check --json
expect 'and why' grep -q 'claude-watchdog check-config' "$CASE/command-output"
wait_until 20 systemctl is-failed --quiet claude-watchdog.service
wait_until 20 systemctl is-active claude-watchdog.socket == inactive
for _ in 1 2 3; do expect_code 'nor for the next ones' 3 as agent vm-health-check --json; done
expect 'who are told where to look' grep -q 'systemctl status claude-watchdog' "$CASE/command-output"
expect_is 'it was tried once for all of them' "$(tried)" 1
expect_code 'root is told as ever' 1 systemctl restart claude-watchdog.service
expect_is 'with the code of a configuration' "$(property ExecMainStatus)" 78
rm /etc/claude-watchdog/config.toml.d/50-case.toml
systemctl start claude-watchdog.service
expect_code 'and all is well again' 0 as agent vm-health-check
expect_is 'with the socket' "$(systemctl is-active claude-watchdog.socket)" active

# Restarted, as by an upgrade, it is gone for a moment: who wants a limit meanwhile gets it.
rm -f /tmp/case-enough
as agent bash -c 'while [[ ! -e /tmp/case-enough ]]; do run-claude-limited 64M true; echo $?; done' \
  >"$CASE/limits" 2>"$CASE/refusals" &
clients=$!
for _ in 1 2 3 4; do
  count=$(wc -l <"$CASE/limits")
  wait_until 30 wc -l "<$CASE/limits" -gt "$count"
  systemctl restart claude-watchdog.service
done
touch /tmp/case-enough
wait "$clients"
figure limits "$(wc -l <"$CASE/limits")"
expect_is 'none was refused' "$(sort -u "$CASE/limits") $(<"$CASE/refusals")" '0 '

# Without the socket unit the service makes its own.
systemctl mask --quiet --now claude-watchdog.socket
afterwards 'systemctl unmask --quiet claude-watchdog.socket; systemctl restart claude-watchdog.service'
restart_service
wait_until 20 service_is_active
expect_code 'an own socket' 0 as agent vm-health-check
