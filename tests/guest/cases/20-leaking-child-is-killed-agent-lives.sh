# A leaking child of an agent is killed after one warning; agent, shells, terminal and another agent stay alive.
# timeout: 180

thresholds 300M 600M
ooms=$(oom_kills)
start_agent alpha
start_agent beta
expect_is 'all is well at first' "$(health_code)" 0

type_in alpha 'tool hog --rate 60M --until 900M; echo $? >code; sleep 1000'
leak=$(await 30 leaks)
tool_shell=$(parent "$leak")
wait_until 60 count warn -eq 1
wait_until 30 health_code -eq 1
wait_until 60 gone "$leak"
wait_until 60 count acted -eq 1

expect_is 'the leak got SIGTERM' "$(cat /home/agent/work/code)" 143
expect 'all others are alive' alive "$tool_shell" "$alpha_pid" "$(shell_of alpha)" "$(tmux_of alpha)" "$beta_pid"
wait_until 30 health_code -eq 0
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"

expect_like 'the events in order' "$(actions_of "$alpha")" 'found.* warn .*act .*acted'
expect_is 'one warning' "$(count warn AGENT_ID="$alpha")" 1
expect_is 'one decision' "$(count act)" 1
expect_is 'no SIGKILL' "$(count kill)" 0
expect_is 'nothing about the other agent' "$(count warn AGENT_ID="$beta")" 0
expect_is 'rule' "$(field act AGENT_RULE)" claude
expect_is 'root' "$(field act AGENT_PID)" "$alpha_pid"
expect_is 'owner' "$(field act AGENT_UID)" 1000
expect_is 'culprit' "$(field act CULPRIT_PID)" "$leak"
expect_is 'threshold' "$(field act THRESHOLD_BYTES)" $((600 << 20))
expect_is 'signal' "$(field act SIGNAL)" TERM
expect_like 'message id' "$(field act MESSAGE_ID)" '^[0-9a-f]{32}$'
charge=$(field act CHARGE_BYTES)
expect 'not below the threshold' test "$charge" -ge $((600 << 20))
expect 'not far above it' test "$charge" -lt $((900 << 20))

action=$(health '.actions[0] | "\(.kind) \(.rule) \(.pid) \(.uid) \(.culprit.pid)"')
expect_is 'the health check shows the action' "$action" "act claude $alpha_pid 1000 $leak"
figure warned "$(mib "$(field warn CHARGE_BYTES)")"
figure overshoot "$(mib $((charge - (600 << 20))))"
