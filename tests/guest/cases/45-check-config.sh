# A configuration is checked before it is put to use: mistakes with their places, what counts, and whom the rules match.
# guest: usual=bookworm

check() { # check FILTER [FILE]: what jq's FILTER makes of it, whatever its exit code
  claude-watchdog check-config --json "${@:2}" >"$CASE/checked" || true
  jq -r "$1" "$CASE/checked"
}
expect_code 'what is shipped is right' 0 claude-watchdog check-config
expect_is 'it is the system'"'"'s' "$(check .file)" /etc/claude-watchdog/config.toml

thresholds 300M 600M
expect_like 'a drop-in counts' "$(check .lines.kill.origin)" '50-case.toml:3$'
expect_is 'with its size' "$(check .lines.kill.bytes)" $((600 << 20))
echo 'WATCHDOG_WARN_MB="200"' >/etc/default/claude-watchdog
expect_is 'and what the unit is given' "$(check .lines.warn.bytes)" $((200 << 20))
systemctl restart claude-watchdog.service
start_agent alpha
expect_is 'as for the service' "$(health '.agents[].warn_line')" $((200 << 20))
rm /etc/default/claude-watchdog
systemctl restart claude-watchdog.service

expect_is 'who is matched now' "$(check '.rules[] | select(.name == "claude") | .matches[].pid')" "$alpha_pid"
claude-watchdog check-config >"$CASE/plain"
expect 'a person reads it' grep -q "pid $alpha_pid, of user" "$CASE/plain"

mkdir -p /tmp/try
printf '[lines]\nkill = "13X"\n' >/tmp/try/config.toml
expect_code 'a mistake' 78 claude-watchdog check-config /tmp/try/config.toml
expect 'with file, line and key' grep -q '/tmp/try/config.toml:2:8: `lines.kill`' "$CASE/command-output"
expect_is 'for programs, too' "$(check '"\(.error.line) \(.error.key)"' /tmp/try/config.toml)" '2 lines.kill'
printf '[rules.mine]\nexe = ["hog"]\n[rules.idle]\nexe = ["no/such/program"]\n[rules.goose]\nenabled = false\n' \
  >/tmp/try/config.toml
hog --until 1M &
leak=$!
wait_until 10 leaks
expect_is 'a rule of my own' "$(check '.rules[] | select(.name == "mine") | .matches[].pid' /tmp/try/config.toml)" "$leak"
expect_is 'what may not be meant' "$(check '.warnings | length' /tmp/try/config.toml)" 2
expect_code 'is no mistake' 0 claude-watchdog check-config /tmp/try/config.toml
expect 'and said' grep -q 'the rule goose is switched off' "$CASE/command-output"
kill "$leak"
expect_code 'no such file' 78 claude-watchdog check-config /tmp/try/none.toml
rm -r /tmp/try

expect_code 'a user has a file of their own' 0 as other claude-watchdog check-config
expect 'which need not be there' grep -q '/home/other/.config/claude-watchdog/config.toml' "$CASE/command-output"
expect_not 'and sees their own processes only' grep -q "pid $alpha_pid," "$CASE/command-output"
