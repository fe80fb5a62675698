# A program whose main thread has left while another one holds memory is still a member, is charged, and can be ended.
# guest: usual=bookworm
# timeout: 180

lines 300M 600M
stand_in alpha
alpha=$(id_of alpha)
wait_for 30 "knows $alpha"
before=$(charge_of "$alpha")
type_in alpha 'tool hog --do "map private 200M" --do leave; sleep 1000'
wait_for 30 leaks
leak=$(leaks)
wait_for 60 "[[ \$(ps -o stat= -p $leak) == Z* ]]"
expect_charge 'its memory counts' "$alpha" $((before + (200 << 20)))
figure charge "$(mib "$charge")"
kill -KILL "$leak"
wait_for 30 "[[ ! -e /proc/$leak ]]"

type_in alpha 'tool hog --do leave --do "grow 900M 60M"; echo $? >code; sleep 1000'
wait_for 30 leaks
leak=$(leaks)
wait_for 60 '[[ $(count acted) == 1 ]]'
wait_for 30 'test -s /home/agent/work/code'
expect_is 'it was asked to end' "$(cat /home/agent/work/code)" 143
expect_is 'it is the culprit' "$(field act CULPRIT_PID)" "$leak"
expect 'the agent lives' alive "$(pid_of alpha)"
