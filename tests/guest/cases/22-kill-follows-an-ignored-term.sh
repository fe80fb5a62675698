# A leak that ignores SIGTERM gets SIGKILL after its grace, and only the leak.
# guest: usual=bookworm
# timeout: 180

lines 300M 600M '[act]
grace = "3s"'
ooms=$(oom_kills)
stand_in alpha
type_in alpha 'tool hog --ignore-term --rate 60M --until 700M; echo $? >code; sleep 1000'
wait_for 30 leaks
leak=$(leaks)
wait_for 90 "gone $leak"
wait_for 30 "[[ \$(count acted) == 1 ]]"

expect_is 'ended by SIGKILL' "$(cat /home/agent/work/code)" 137
expect_like 'in this order' "$(actions_of "$(id_of alpha)")" 'act .*kill.* acted'
expect_is 'asked first' "$(field act SIGNAL)" TERM
expect_is 'then killed, once' "$(count signal SIGNAL=KILL)" 1
asked=$(field act __MONOTONIC_TIMESTAMP) killed=$(field kill __MONOTONIC_TIMESTAMP)
expect 'not before the grace was over' test $((killed - asked)) -ge 2500000
expect 'agent and shell live' alive "$(pid_of alpha)" "$(shell_of alpha)"
expect_is 'the kernel killed nobody' "$(oom_kills)" "$ooms"
figure grace "$(((killed - asked) / 1000)) ms"
# By us or, where it was faster, by its own end: 88 has one that cannot be faster.
figure 'taken back early' "$(health .supervisor.memory_taken_back)"
