# A target that no signal reaches, since it waits for a disk, is reported and left alone; it ends when the disk is back.
# guest: usual=bookworm
# timeout: 200

thresholds 150M 300M '[act]
grace = "1s"'
ooms=$(oom_kills)
disk=/tmp/case-disk
afterwards "umount --lazy $disk; rm -f /var/tmp/case-disk"
mke2fs -q -t ext4 -F /var/tmp/case-disk 32M
mkdir -p $disk
mount -o loop /var/tmp/case-disk $disk
chmod 1777 $disk
afterwards "fsfreeze --unfreeze $disk 2>/dev/null; true"
start_agent alpha
start_agent beta

fsfreeze --freeze $disk
type_in alpha "tool python3 -c 'kept = b\"1\" * (270 << 20); open(\"$disk/file\", \"w\").write(\"x\")'; sleep 1000"
wait_until 60 pid_of_command "python3 -c kept.*"
wait_for 60 '[[ $(ps -o stat= -p "$(pid_of_command "python3 -c kept.*")" | cut -c1) == D ]]'
# What is missing to the line is the agent's own, and too small to be guilty.
type_in alpha 'grow 60M'
wait_until 60 count kill -eq 1
stuck=$(field act CULPRIT_PID)
expect_is 'it waits for the disk' "$(ps -o stat= -p "$stuck" | cut -c1)" D
# It cannot end, but it needs its memory no more.
wait_until 20 health .supervisor.memory_taken_back -ge 1
wait_until 20 ps -o rss= -p "$stuck" -lt 16384
# What can be ended is, meanwhile: not the agent, which is innocent.
wait_until 60 count failed -eq 1
expect_like 'said so' "$(field failed MESSAGE)" 'outlived KILL'
type_in beta 'tool hog --until 500M; sleep 1000'
wait_for 60 '[[ $(count acted AGENT_ID='"$beta"') == 1 ]]'
expect 'agents and shells live' alive "$alpha_pid" "$(shell_of alpha)" "$beta_pid"

fsfreeze --unfreeze $disk
wait_until 30 gone "$stuck"
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure 'given up after' "$((($(field failed __MONOTONIC_TIMESTAMP) - $(field act __MONOTONIC_TIMESTAMP)) / 1000)) ms"
