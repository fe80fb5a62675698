# An agent that leaks as soon as it starts, and is started anew as soon as it ends, is ended after longer and longer waits.
# guest: releases=trixie
# timeout: 200

thresholds 100M 200M
ooms=$(oom_kills)
path=$(program_of alpha)
install -D /usr/local/bin/hog "$path"
terminal alpha
type_in alpha "while :; do $path --until 240M; done"
wait_for 90 '(( $(count held-back) >= 2 && $(count acted) >= 3 ))'

mapfile -t roots < <(events act | jq -r .AGENT_PID)
expect_is 'another one each time' "$(printf '%s\n' "${roots[@]}" | sort -u | wc -l)" "${#roots[@]}"
mapfile -t times < <(events act | jq -r .__MONOTONIC_TIMESTAMP)
first=$((times[1] - times[0])) second=$((times[2] - times[1]))
expect 'the second wait is longer' test $((second * 2)) -gt $((first * 3))
expect 'the shell lives' alive "$(shell_of alpha)"
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure waited "$((first / 1000)) and $((second / 1000)) ms"
figure told "$(count held-back)"
