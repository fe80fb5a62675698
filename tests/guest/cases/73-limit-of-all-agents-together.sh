# If all limited agents together near their cap, the one that grew is acted on before the kernel's OOM killer chooses.
# guest: usual=bookworm
# timeout: 200

systemctl set-property --runtime agents.slice MemoryMax=900M
afterwards 'rm -rf /run/systemd/system.control/agents.slice.d; systemctl daemon-reload'
start_limited_agent alpha 700M
start_limited_agent beta 700M
# The slice counts kills of earlier cases as well, as long as it exists.
oom_before=$(oom_of /sys/fs/cgroup/agents.slice)
expect_is 'the cap is in force' "$(</sys/fs/cgroup/agents.slice/memory.max)" $((900 << 20))
type_in alpha 'grow 400M'
wait_until 60 charge_of "$alpha" -ge $((400 << 20))
# A fixed time: alpha's growth must be older than beta's.
sleep 2
type_in beta 'tool hog --rate 100M --until 650M; sleep 1000'
wait_until 90 count acted -ge 1
expect_is 'for the slice' "$(field act CAUSE)" slice
expect_is 'on the agent that grew' "$(field act AGENT_ID)" "$beta"
expect_like 'with the cap' "$(field act MESSAGE)" '900M.*agents\.slice|agents\.slice.*900M'
expect_is 'no OOM kill by the kernel' "$(oom_of /sys/fs/cgroup/agents.slice)" "$oom_before"
holds_for 3 alive "$alpha_pid" "$beta_pid"
expect_is 'one action' "$(count act)" 1

# At full speed.
type_in beta 'tool hog --until 650M; sleep 1000'
wait_until 90 count acted -ge 2
expect 'the other agent is alive' alive "$alpha_pid"
figure 'OOM kills' $(($(oom_of /sys/fs/cgroup/agents.slice) - oom_before))
