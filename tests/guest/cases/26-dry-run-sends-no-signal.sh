# A dry run says everything and sends nothing.
# guest: usual=bookworm
# timeout: 150

lines 300M 600M '[act]
dry_run = true'
stand_in alpha
type_in alpha 'tool hog --rate 100M --until 700M; echo $? >code; sleep 1000'
wait_for 30 leaks
leak=$(leaks)
wait_for 60 '[[ $(count act) -ge 1 ]]'
hold_for 15 "alive $leak $(pid_of alpha)"

expect_not 'the leak was not even asked' test -e /home/agent/work/code
expect_is 'said once' "$(count act)" 1
expect_is 'said as what it is' "$(field act DRY_RUN)" 1
expect_is 'with the culprit' "$(field act CULPRIT_PID)" "$leak"
expect_is 'nothing acted' "$(count acted)" 0
