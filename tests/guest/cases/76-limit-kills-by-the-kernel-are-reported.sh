# What the kernel's OOM killer ends of a limited agent is told once, by name, and stands among what was done.
# guest: usual=trixie
# timeout: 150

thresholds 10G 11G '[act]
dry_run = true'
limited alpha
alpha=$(id_of alpha) pid=$(pid_of alpha)
scope=$(scope_of "$pid")
wait_until 30 agent_health "$alpha" limit -eq $((300 << 20))
type_in alpha 'tool hog --do "grow 270M" --do "grow 270M" --do "child sleep 1003"'
wait_until 60 pgrep --full --exact "sleep 1003"
leak=$(pgrep --exact hog)
type_in alpha 'tool hog --until 1G; echo $? >code'
wait_until 60 count kernel_oom -ge 1
hold_for 3 '(( $(count kernel_oom) <= $(oom_of "$scope") ))'
expect_is 'of that agent' "$(field kernel_oom AGENT_ID)" "$alpha"
expect_is 'with its limit' "$(field kernel_oom LINE_BYTES)" $((300 << 20))
expect_like 'in one sentence' "$(field kernel_oom MESSAGE)" "the kernel's OOM killer ended hog \(pid [0-9]+, [0-9.]+[MG] when last seen\)"
expect 'the agent lives' alive "$pid"
expect_is 'among what was done' "$(health '.actions[] | select(.kind == "kernel_oom") | .agent' | sort -u)" "$alpha"
figure told "$(count kernel_oom) of $(oom_of "$scope")"
