# A target that waits for a disk, which no signal can reach, is reported and excluded; it exits when the disk is back.
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
writer=$(await 60 pid_of_command 'python3 -c kept.*')
wait_until 60 state_of "$writer" == D
# The agent's own memory brings the sum over the threshold, but is too small to be the culprit.
type_in alpha 'grow 60M'
wait_until 60 count kill -eq 1
stuck=$(field act CULPRIT_PID)
expect_is 'it waits for the disk' "$(state_of "$stuck")" D
# It cannot exit, but its memory can be reclaimed.
wait_until 20 health .supervisor.released_early -ge 1
resident() { ps -o rss= -p "$1" | tr -d ' '; }
wait_until 20 resident "$stuck" -lt 16384
# Other leaks are killed meanwhile; the agent, which is innocent, is not.
wait_until 60 count failed -eq 1
expect_like 'with a message' "$(field failed MESSAGE)" '(outlived|survived) (SIG)?KILL'
type_in beta 'tool hog --until 500M; sleep 1000'
wait_until 60 count acted "AGENT_ID=$beta" -eq 1
expect 'agents and shells are alive' alive "$alpha_pid" "$(shell_of alpha)" "$beta_pid"

fsfreeze --unfreeze $disk
wait_until 30 gone "$stuck"
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure 'given up after' "$((($(field failed __MONOTONIC_TIMESTAMP) - $(field act __MONOTONIC_TIMESTAMP)) / 1000)) ms"
