# With hidepid=2 the service finds, charges and kills as usual.
# guest: usual=trixie
# timeout: 180

thresholds 300M 600M
afterwards 'mount -o remount,hidepid=0 /proc'
mount -o remount,hidepid=2 /proc
expect_not 'users do not see each other' as other ps -p 1
restart_service
start_agent alpha
type_in alpha 'tool hog --until 200M; sleep 1000'
expect_charge 'charged' "$alpha" $((alpha_before + (200 << 20)))
figure charge "$(mib "$charge")"
expect_is 'a user sees the own agent' "$(as agent vm-health-check --json | jq -r '.agents[].pid')" "$alpha_pid"

type_in alpha 'tool hog --rate 100M --until 700M; echo $? >code; sleep 1000'
wait_until 90 count acted -eq 1
wait_until 30 test -s /home/agent/work/code
expect_is 'the leak got SIGTERM' "$(cat /home/agent/work/code)" 143
expect 'the agent is alive' alive "$alpha_pid"

mount -o remount,hidepid=0 /proc
updates 2
expect 'it is known without hidepid, too' knows "$alpha"
