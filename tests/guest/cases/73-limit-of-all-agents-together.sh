# Two limited agents that are together too much for all limited ones: whoever grew is ended before the kernel chooses.
# guest: usual=bookworm
# timeout: 200

systemctl set-property --runtime agents.slice MemoryMax=900M
afterwards 'rm -rf /run/systemd/system.control/agents.slice.d; systemctl daemon-reload'
limited alpha 700M
limited beta 700M
alpha=$(id_of alpha) beta=$(id_of beta)
expect_is 'the cap is in force' "$(</sys/fs/cgroup/agents.slice/memory.max)" $((900 << 20))
type_in alpha 'grow 400M'
wait_until 60 charge_of "$alpha" -ge $((400 << 20))
sleep 2
type_in beta 'tool hog --rate 100M --until 650M; sleep 1000'
wait_until 90 count acted -ge 1
expect_is 'for the sake of both' "$(field act CAUSE)" slice
expect_is 'of whoever grew' "$(field act AGENT_ID)" "$beta"
expect_like 'which is said' "$(field act MESSAGE)" 'all limited agents together have [0-9.]+M left of the 900M of agents.slice'
expect_is 'the kernel ended nobody' "$(oom_of /sys/fs/cgroup/agents.slice)" 0
holds_for 3 alive "$(pid_of alpha)" "$(pid_of beta)"
expect_is 'one action' "$(count act)" 1

# As fast as it goes.
type_in beta 'tool hog --until 650M; sleep 1000'
wait_until 90 count acted -ge 2
expect 'the calm one lives' alive "$(pid_of alpha)"
figure 'the kernel ended' "$(oom_of /sys/fs/cgroup/agents.slice)"
