# A process of a limited agent that the kernel's OOM killer kills is reported once, by name, and listed among the actions.
# guest: usual=trixie
# timeout: 150

thresholds 10G 11G '[act]
dry_run = true'
start_limited_agent alpha
wait_until 30 agent_health "$alpha" limit -eq $((300 << 20))
type_in alpha 'tool hog --do "grow 270M" --do "grow 270M" --do "child sleep 1003"'
wait_until 60 pid_of_command 'sleep 1003'
type_in alpha 'tool hog --until 1G; echo $? >code'
wait_until 60 count kernel_oom -ge 1
reports_beyond_kills() { echo $(($(count kernel_oom) - $(oom_of "$alpha_scope"))); }
holds_for 3 reports_beyond_kills -le 0
expect_is 'of that agent' "$(field kernel_oom AGENT_ID)" "$alpha"
expect_is 'with its limit' "$(field kernel_oom THRESHOLD_BYTES)" $((300 << 20))
expect_like 'by name' "$(field kernel_oom MESSAGE)" 'hog \(pid [0-9]+, [0-9.]+[MG]'
expect 'the agent is alive' alive "$alpha_pid"
expect_is 'among the actions' "$(health '.actions[] | select(.kind == "kernel_oom") | .agent' | sort -u)" "$alpha"
figure reported "$(count kernel_oom) of $(oom_of "$alpha_scope")"
