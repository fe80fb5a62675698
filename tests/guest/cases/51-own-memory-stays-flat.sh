# Hundreds of agents that start and exit do not increase the daemon's memory.
# guest: usual=bookworm
# timeout: 400

crowd() { # crowd ROUNDS: twenty short-lived agents a round
  local round number
  for ((round = 0; round < $1; round++)); do
    for ((number = 0; number < 20; number++)); do
      (sleep 5 | as agent "$(program_of crowd)" --prompt) &
    done
    wait
  done
}
install -D /usr/local/bin/hog "$(program_of crowd)"
crowd 2
wait_until 30 agent_count -eq 0
before=$(anonymous "$(daemon_pid)")
found=$(count found)
crowd 6
wait_until 30 agent_count -eq 0
after=$(anonymous "$(daemon_pid)")

# An agent of an earlier case may be reported as gone only now.
ids() { events "$1" | jq -r .AGENT_ID | sort; }
expect_is 'no huge page, which would be most of its memory' \
  "$(awk '/^AnonHugePages/ { print $2 }' "/proc/$(daemon_pid)/smaps_rollup")" 0
expect_is 'and none to come' "$(awk '/^THP_enabled/ { print $2 }' "/proc/$(daemon_pid)/status")" 0
expect 'most of them were found' test $(($(count found) - found)) -ge 60
expect_is 'every one found is gone' "$(comm -23 <(ids found) <(ids gone))" ''
expect 'no growth with their number' test "$after" -le $((before * 13 / 10 + (512 << 10)))
figure before "$((before >> 10))K"
figure after "$((after >> 10))K"
figure agents "$(count found)"
