# A dry run logs the decision and sends no signal.
# guest: usual=bookworm
# timeout: 150

thresholds 300M 600M '[act]
dry_run = true'
start_agent alpha
type_in alpha 'tool hog --rate 100M --until 700M; echo $? >code; sleep 1000'
leak=$(await 30 leaks)
wait_until 60 count act -ge 1
holds_for 15 alive "$leak" "$alpha_pid"

expect_not 'the leak got no signal' test -e /home/agent/work/code
expect_is 'logged once' "$(count act)" 1
expect_is 'marked as a dry run' "$(field act DRY_RUN)" 1
expect_is 'with the culprit' "$(field act CULPRIT_PID)" "$leak"
expect_is 'no action' "$(count acted)" 0
