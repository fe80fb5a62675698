# An agent that leaks by itself is killed with everything it started, in other sessions too; its user's shell stays alive.
# guest: usual=trixie
# timeout: 180

thresholds 300M 600M
ooms=$(oom_kills)
start_agent alpha
start_agent beta
type_in alpha 'tool sleep 1001'
type_in alpha 'child sleep 1002'
tool=$(await 30 pid_of_command 'sleep 1001')
child=$(await 30 pid_of_command 'sleep 1002')
expect_not 'the tool has its own session' test "$(session_of "$tool")" = "$(session_of "$child")"
shell=$(shell_of alpha) tmux=$(tmux_of alpha) tool_shell=$(parent "$tool")

type_in alpha 'grow 900M 60M'
wait_until 90 gone "$alpha_pid"
wait_until 30 count acted -eq 1
wait_until 30 gone "$tool" "$child" "$tool_shell"
expect 'shell, terminal and the other agent are alive' alive "$shell" "$tmux" "$beta_pid"
expect_is 'the agent is the culprit' "$(field act CULPRIT_PID)" "$alpha_pid"
wait_until 30 count gone "AGENT_ID=$alpha" -eq 1
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
type_in alpha 'echo still $((6 * 7))'
wait_until 20 shows alpha '^still 42$'
figure overshoot "$(mib $(($(field act CHARGE_BYTES) - (600 << 20))))"
