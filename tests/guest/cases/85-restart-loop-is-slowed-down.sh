# An agent that leaks at once and is restarted at once after each kill is killed with increasing delays.
# guest: releases=trixie
# timeout: 200

thresholds 100M 200M
ooms=$(oom_kills)
path=$(program_of alpha)
install -D /usr/local/bin/hog "$path"
terminal alpha
type_in alpha "while :; do $path --until 240M; done"
wait_until 90 count restart_backoff -ge 2
wait_until 90 count acted -ge 3

mapfile -t roots < <(events act | jq -r .AGENT_PID)
expect_is 'another process each time' "$(printf '%s\n' "${roots[@]}" | sort -u | wc -l)" "${#roots[@]}"
mapfile -t times < <(events act | jq -r .__MONOTONIC_TIMESTAMP)
first=$((times[1] - times[0])) second=$((times[2] - times[1]))
expect 'the second delay is longer' test $((second * 2)) -gt $((first * 3))
expect 'the shell is alive' alive "$(shell_of alpha)"
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure delays "$((first / 1000)) and $((second / 1000)) ms"
figure reported "$(count restart_backoff)"
