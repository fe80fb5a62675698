# A leak that ignores SIGTERM gets SIGKILL after its grace, and only the leak.
# guest: usual=bookworm
# timeout: 180

thresholds 300M 600M '[act]
grace = "3s"'
ooms=$(oom_kills)
start_agent alpha
type_in alpha 'tool hog --ignore-term --rate 60M --until 700M; echo $? >code; sleep 1000'
leak=$(await 30 leaks)
wait_until 90 gone "$leak"
wait_until 30 count acted -eq 1

expect_is 'killed by SIGKILL' "$(cat /home/agent/work/code)" 137
expect_like 'in this order' "$(actions_of "$alpha")" 'act .*kill.* acted'
expect_is 'SIGTERM first' "$(field act SIGNAL)" TERM
expect_is 'then SIGKILL, once' "$(count signal SIGNAL=KILL)" 1
asked=$(field act __MONOTONIC_TIMESTAMP) killed=$(field kill __MONOTONIC_TIMESTAMP)
expect 'not before the grace has expired' test $((killed - asked)) -ge 2500000
expect 'agent and shell are alive' alive "$alpha_pid" "$(shell_of alpha)"
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure grace "$(((killed - asked) / 1000)) ms"
# 0 if the leak exited faster than its memory could be reclaimed; in case 88 it cannot.
figure 'reclaimed early' "$(health .supervisor.released_early)"
