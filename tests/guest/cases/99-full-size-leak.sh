# At full size with default thresholds a real node leak is reported at 8 GB and killed at 13 GB; its agent stays alive.
# guest: memory=16896M releases=trixie
# timeout: 600

ooms=$(oom_kills)
start_agent alpha
expect_is 'the thresholds' "$(health '.agents[0] | "\(.warn_threshold) \(.kill_threshold)"')" "$((8 << 30)) $((13 << 30))"
# The default limit fits here.
limit=$(as agent run-claude-limited sh -c 'cat "/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max"' 2>&1)
expect_is 'the default limit, without messages' "$limit" $((12 << 30))

cat >/home/agent/work/leak.js <<'JAVASCRIPT'
const kept = [];
setInterval(() => kept.push(Buffer.alloc(16 << 20, 1)), 50);
JAVASCRIPT
type_in alpha 'tool node leak.js; echo $? >code; sleep 1000'
leak=$(await 30 pid_of_command 'node leak.js')
wait_until 240 count warn -eq 1
wait_until 240 count act -eq 1
wait_until 60 gone "$leak"
wait_until 60 count acted -eq 1

warned=$(field warn CHARGE_BYTES) charged=$(field act CHARGE_BYTES)
expect_is 'warned at 8 GB' "$(field warn THRESHOLD_BYTES)" $((8 << 30))
expect_is 'acted at 13 GB' "$(field act THRESHOLD_BYTES)" $((13 << 30))
expect 'not below' test "$warned" -ge $((8 << 30)) -a "$charged" -ge $((13 << 30))
expect 'within a twentieth' test "$warned" -le $((8 * 1075 << 20)) -a "$charged" -le $((13 * 1075 << 20))
expect_is 'the leak got SIGTERM' "$(cat /home/agent/work/code)" 143
expect_is 'it is the culprit' "$(field act CULPRIT_PID)" "$leak"
expect 'agent and shell are alive' alive "$alpha_pid" "$(shell_of alpha)"
expect_is 'one warning' "$(count warn)" 1
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure warned "$(mib "$warned")"
figure acted "$(mib "$charged")"
figure overshoot "$(mib $((charged - (13 << 30))))"
