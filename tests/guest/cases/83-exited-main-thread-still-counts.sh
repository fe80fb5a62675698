# A program whose main thread has left while another one holds memory is still a member, is charged, and can be ended.
# guest: usual=bookworm
# timeout: 180

thresholds 300M 600M
start_agent alpha
type_in alpha 'tool hog --do "map private 200M" --do leave; sleep 1000'
leak=$(await 30 leaks)
wait_for 60 "[[ \$(ps -o stat= -p $leak) == Z* ]]"
expect_charge 'its memory counts' "$alpha" $((alpha_before + (200 << 20)))
figure charge "$(mib "$charge")"
kill -KILL "$leak"
wait_until 30 not test -e "/proc/$leak"

type_in alpha 'tool hog --do leave --do "grow 900M 60M"; echo $? >code; sleep 1000'
leak=$(await 30 leaks)
wait_until 60 count acted -eq 1
wait_until 30 test -s /home/agent/work/code
expect_is 'it was asked to end' "$(cat /home/agent/work/code)" 143
expect_is 'it is the culprit' "$(field act CULPRIT_PID)" "$leak"
expect 'the agent is alive' alive "$alpha_pid"
