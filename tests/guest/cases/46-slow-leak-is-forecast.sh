# A slow leak is forecast once, half an hour ahead, and comes true within the interval; a garbage collector's sawtooth is not
# forecast. An hour and more by the guest's clock.
# guest: usual=trixie clock=fast memory=2G
# timeout: 30000

thresholds 800M 900M
script=/opt/agents/saw/node_modules/@anthropic-ai/claude-code/cli.js
install -D /dev/stdin "$script" <<'EOF'
// Garbage that lives for minutes: a sawtooth on a flat floor.
let kept = [];
setInterval(() => {
  for (let i = 0; i < 10; i++) kept.push(new Array(6000).fill(i));
  if (kept.length > 3000) kept = [];
}, 1000);
EOF
terminal saw
type_in saw "node --max-old-space-size=600 $script"
saw_pid=$(await 120 pgrep --uid agent --oldest --full '^node --max-old')
saw=claude-$saw_pid
wait_until 120 knows "$saw"
start_agent alpha
expect_is 'no forecast yet' "$(agent_health "$alpha" 'forecast | "\(.trend) \(.level)"')" 'insufficient_data none'

# within_hours CONDITION…: waits for it for three hours of the guest. Checked every five minutes only: idle time costs this guest
# nothing, but a check does. The runner hears of each, since on a slow machine all of them together take longer than it waits
# for a silent guest.
within_hours() { POLL_INTERVAL=300 wait_until 10800 reporting_progress "$@"; }
reporting_progress() {
  progress "charge $(charge_of "$alpha")"
  "$@"
}
type_in alpha 'tool hog --rate 250K --until 1200M'
within_hours count forecast -ge 1
expect_is 'agent, level and ceiling' \
  "$(field forecast AGENT_ID) $(agent_health "$alpha" 'forecast | "\(.level) \(.ceiling)"')" "$alpha warn kill_threshold"
expect_is 'before the warn threshold' "$(count warn)" 0
expect_is 'the verdict' "$(health .verdict)" warning
vm-health-check --trend >"$CASE/trend" || true
expect 'as text, with the time' grep -Eq '^  forecast +reaches the kill threshold of 900M at [0-9:]+, between [0-9:]+ and [0-9:]+$' "$CASE/trend"
expect 'and with the trend' grep -Eq '^  trend +oom_predicted:[0-9]+$' "$CASE/trend"
expect_is 'it shows the history since the start' \
  "$(vm-health-check --trend --json | jq '.agents[] | select(.id == "'"$alpha"'") | [.points[].max] | (max - min) > 200 * 1048576')" true
within_hours count act -ge 1
truth=$((($(field act __MONOTONIC_TIMESTAMP) - $(field forecast __MONOTONIC_TIMESTAMP)) / 1000000))
low=$(field forecast ETA_LOW_SECONDS) eta=$(field forecast ETA_SECONDS) high=$(field forecast ETA_HIGH_SECONDS)
expect "it comes true after $truth s, forecast for $eta s, between $low and $high" test "$truth" -ge "$low" -a "$truth" -le "$high"
expect "half an hour before, and not two: $truth s" test "$truth" -ge 1800 -a "$truth" -le 7200
within_hours count forecast_cleared -ge 1
expect_is 'reported once, and for no other agent' "$(events forecast | jq -r .AGENT_ID | sort | uniq -c | xargs)" "1 $alpha"
expect_is 'no forecast for the sawtooth' "$(agent_health "$saw" forecast.level)" none
read -r least most < <(vm-health-check --trend --json | jq -r '.agents[] | select(.id == "'"$saw"'")
  | .points[-60:] | "\(map(.min) | min) \(map(.max) | max)"')
expect "it is a sawtooth: between $(mib "$least") and $(mib "$most")" test $((most - least)) -gt $((20 << 20))
expect 'both agents are alive' alive "$alpha_pid" "$saw_pid"
figure forecast "$((eta / 60)) min, between $((low / 60)) and $((high / 60))"
figure truth "$((truth / 60)) min"
figure sawtooth "$(mib "$least") to $(mib "$most")"
