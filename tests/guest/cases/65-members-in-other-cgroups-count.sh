# Memory of a member counts in every cgroup; files in memory count if the agent that wrote them is alone in a cgroup.
# timeout: 240

thresholds 900M 1500M
start_agent alpha
type_in alpha 'write 100M'
wait_until 30 find "/proc/$alpha_pid/fd" -lname '*memfd:hog*' =~ fd
type_in alpha 'tool hog --until 150M'
tool=$(await 60 leaks)
cgroup case-tool "$tool"
expect_charge 'a tool in a cgroup of its own counts, a file in a shared cgroup does not' \
  "$alpha" $((alpha_before + (150 << 20)))
figure tool "$(mib "$charge")"

cgroup case-elsewhere "$tool"
expect_charge 'moved again it counts as before' "$alpha" $((alpha_before + (150 << 20)))
figure moved "$(mib "$charge")"

kill -KILL "$tool"
wait_until 30 processes_of "$alpha" -eq 1
cgroup case-alone "$alpha_pid"
type_in alpha 'map private 150M'
expect_charge 'alone in a cgroup' "$alpha" $((alpha_before + (150 << 20)))
type_in alpha 'write 100M'
expect_charge 'a file written there counts' "$alpha" $((alpha_before + (250 << 20)))
figure alone "$(mib "$charge")"
type_in alpha 'tool head -c 100M /dev/zero >/dev/shm/case; sleep 1000'
afterwards 'rm -f /dev/shm/case'
expect_charge 'one in /dev/shm as well' "$alpha" $((alpha_before + (350 << 20)))
figure files "$(mib "$charge")"

woken=$(health .supervisor.woken_by_cgroups)
afterwards 'echo max >/sys/fs/cgroup/case-alone/memory.high'
echo 200M >/sys/fs/cgroup/case-alone/memory.high
type_in alpha 'map private 20M'
wait_until 60 health .supervisor.woken_by_cgroups -gt "$woken"
echo max >/sys/fs/cgroup/case-alone/memory.high
