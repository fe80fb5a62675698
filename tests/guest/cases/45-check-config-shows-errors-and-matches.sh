# `check-config` shows errors with file and line, the effective values with their origin, and the processes that each rule matches.
# guest: usual=bookworm

check() { # check FILTER [FILE]: its JSON through jq's FILTER, whatever its exit code
  claude-watchdog check-config --json "${@:2}" >"$CASE/checked" || true
  jq -r "$1" "$CASE/checked"
}
expect_code 'the shipped configuration is valid' 0 claude-watchdog check-config
expect_is 'it is the system'"'"'s file' "$(check .file)" /etc/claude-watchdog/config.toml

thresholds 300M 600M
expect_like 'a drop-in counts' "$(check .thresholds.kill.origin)" '50-case.toml:3$'
expect_is 'with its size' "$(check .thresholds.kill.bytes)" $((600 << 20))
echo 'WATCHDOG_WARN_MB="200"' >/etc/default/claude-watchdog
expect_is 'the environment file of the unit counts' "$(check .thresholds.warn.bytes)" $((200 << 20))
systemctl restart claude-watchdog.service
start_agent alpha
expect_is 'also for the service' "$(health '.agents[].warn_threshold')" $((200 << 20))
rm /etc/default/claude-watchdog
systemctl restart claude-watchdog.service

expect_is 'the processes that match' "$(check '.rules[] | select(.name == "claude") | .matches[].pid')" "$alpha_pid"
claude-watchdog check-config >"$CASE/plain"
expect 'as text' grep -q "pid $alpha_pid\b" "$CASE/plain"

mkdir -p /tmp/try
printf '[thresholds]\nkill = "13X"\n' >/tmp/try/config.toml
expect_code 'an error' 78 claude-watchdog check-config /tmp/try/config.toml
expect 'with file, line and key' grep -q '/tmp/try/config.toml:2:8: `thresholds.kill`' "$CASE/command-output"
expect_is 'as JSON, too' "$(check '"\(.error.line) \(.error.key)"' /tmp/try/config.toml)" '2 thresholds.kill'
printf '[rules.mine]\nexe = ["hog"]\n[rules.idle]\nexe = ["no/such/program"]\n[rules.goose]\nenabled = false\n' \
  >/tmp/try/config.toml
hog --until 1M &
leak=$!
wait_until 10 leaks
expect_is 'a rule of my own' "$(check '.rules[] | select(.name == "mine") | .matches[].pid' /tmp/try/config.toml)" "$leak"
expect_is 'doubtful settings' "$(check '.warnings | length' /tmp/try/config.toml)" 2
expect_code 'are no error' 0 claude-watchdog check-config /tmp/try/config.toml
expect 'but a warning' grep -q 'the rule goose is disabled' "$CASE/command-output"
kill "$leak"
expect_code 'no such file' 78 claude-watchdog check-config /tmp/try/none.toml
rm -r /tmp/try

expect_code 'a user has a file of the own' 0 as other claude-watchdog check-config
expect 'which may be missing' grep -q '/home/other/.config/claude-watchdog/config.toml' "$CASE/command-output"
expect_not 'and sees the own processes only' grep -q "pid $alpha_pid\b" "$CASE/command-output"
