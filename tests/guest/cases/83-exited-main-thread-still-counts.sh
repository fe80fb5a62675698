# A process with an exited main thread and another thread that holds memory is still a member, charged, and killed.
# guest: usual=bookworm
# timeout: 180

thresholds 300M 600M
start_agent alpha
type_in alpha 'tool hog --do "map private 200M" --do leave; sleep 1000'
leak=$(await 30 leaks)
wait_until 60 state_of "$leak" == Z
expect_charge 'its memory counts' "$alpha" $((alpha_before + (200 << 20)))
figure charge "$(mib "$charge")"
kill -KILL "$leak"
wait_until 30 not test -e "/proc/$leak"

type_in alpha 'tool hog --do leave --do "grow 900M 60M"; echo $? >code; sleep 1000'
leak=$(await 30 leaks)
wait_until 60 count acted -eq 1
wait_until 30 test -s /home/agent/work/code
expect_is 'the leak got SIGTERM' "$(cat /home/agent/work/code)" 143
expect_is 'it is the culprit' "$(field act CULPRIT_PID)" "$leak"
expect 'the agent is alive' alive "$alpha_pid"
