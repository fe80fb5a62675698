# A slow leak is foretold once, half an hour ahead, and comes true within the interval; meanwhile a garbage collector's
# sawtooth raises nothing. An hour and more by the guest's clock.
# guest: usual=trixie clock=fast memory=2G
# timeout: 30000

thresholds 800M 900M
script=/opt/agents/saw/node_modules/@anthropic-ai/claude-code/cli.js
install -D /dev/stdin "$script" <<'EOF'
// Garbage all the time, of which some lives for minutes: a sawtooth on a flat floor.
let kept = [];
setInterval(() => {
  for (let i = 0; i < 10; i++) kept.push(new Array(6000).fill(i));
  if (kept.length > 3000) kept = [];
}, 1000);
EOF
terminal saw
type_in saw "node --max-old-space-size=600 $script"
wait_for 120 "pgrep --uid agent --full '^node --max-old' >$CASE/saw.pid"
saw=claude-$(head -n 1 "$CASE/saw.pid")
wait_until 120 knows "$saw"
start_agent alpha
of() { health ".agents[] | select(.id == \"$1\") | .forecast | $2"; }
expect_is 'nothing is foretold yet' "$(of "$alpha" '"\(.trend) \(.level)"')" 'insufficient_data none'

# by_turns COMMAND: until it holds; looked at each five minutes, for three hours.
by_turns() {
  local turn
  for ((turn = 0; turn < 36; turn++)); do
    if eval "$1"; then return 0; fi
    sleep 300
  done
  fail "in three hours never: $1"
}
type_in alpha 'tool hog --rate 250K --until 1200M'
by_turns '[[ $(count foretold) -ge 1 ]]'
expect_is 'what it says' "$(field foretold AGENT_ID) $(of "$alpha" '"\(.level) \(.ceiling)"')" "$alpha warn kill_line"
expect_is 'before the warn line' "$(count warn)" 0
expect_is 'a verdict that scripts see' "$(health .verdict)" warning
vm-health-check --trend >"$CASE/trend" || true
expect 'a person sees when' grep -Eq '^  forecast +reaches the kill line of 900M at [0-9:]+, between [0-9:]+ and [0-9:]+$' "$CASE/trend"
expect 'and the word' grep -Eq '^  trend +oom_predicted:[0-9]+$' "$CASE/trend"
expect_is 'it shows all since the start' "$(vm-health-check --trend --json | jq '.agents[] | select(.id == "'"$alpha"'") | [.points[].max] | (max - min) > 200 * 1048576')" true
by_turns '[[ $(count act) -ge 1 ]]'
truth=$((($(field act __MONOTONIC_TIMESTAMP) - $(field foretold __MONOTONIC_TIMESTAMP)) / 1000000))
low=$(field foretold ETA_LOW_SECONDS) eta=$(field foretold ETA_SECONDS) high=$(field foretold ETA_HIGH_SECONDS)
expect "it comes true after $truth s, foretold in $eta, between $low and $high" test "$truth" -ge "$low" -a "$truth" -le "$high"
expect "half an hour before, and not two: $truth s" test "$truth" -ge 1800 -a "$truth" -le 7200
by_turns '[[ $(count unforeseen) -ge 1 ]]'
expect_is 'told once, and of nobody else' "$(events foretold | jq -r .AGENT_ID | sort | uniq -c | xargs)" "1 $alpha"
expect_is 'the sawtooth' "$(of "$saw" .level)" none
read -r least most < <(vm-health-check --trend --json | jq -r '.agents[] | select(.id == "'"$saw"'")
  | .points[-60:] | "\(map(.min) | min) \(map(.max) | max)"')
expect "it was one: between $(mib "$least") and $(mib "$most")" test $((most - least)) -gt $((20 << 20))
expect 'both agents live' alive "$alpha_pid" "$(head -n 1 "$CASE/saw.pid")"
figure foretold "$((eta / 60)) min, between $((low / 60)) and $((high / 60))"
figure truth "$((truth / 60)) min"
figure sawtooth "$(mib "$least") to $(mib "$most")"
