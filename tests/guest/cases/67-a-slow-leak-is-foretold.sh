# A slow leak is foretold once, more than half an hour ahead, and comes true within the interval; meanwhile a garbage
# collector's sawtooth raises nothing. Four hours by the guest's clock.
# guest: usual=trixie clock=fast memory=2G
# timeout: 30000

lines 800M 900M
script=/opt/agents/saw/node_modules/@anthropic-ai/claude-code/cli.js
install -D /dev/stdin "$script" <<'EOF'
// Garbage all the time, of which some lives for a minute or two: a sawtooth of 200 MB on a flat floor.
let kept = [];
setInterval(() => {
  for (let i = 0; i < 40; i++) kept.push(new Array(6000).fill(i));
  if (kept.length > 4000) kept = [];
}, 1000);
EOF
terminal saw
type_in saw "node --max-old-space-size=600 $script"
wait_for 120 "pgrep --uid agent --full '^node --max-old' >$CASE/saw.pid"
saw=claude-$(head -n 1 "$CASE/saw.pid")
wait_for 120 "knows $saw"
stand_in alpha
alpha=$(id_of alpha)
wait_for 120 "knows $alpha"
of() { health ".agents[] | select(.id == \"$1\") | .forecast | $2"; }
expect_is 'nothing is foretold yet' "$(of "$alpha" '"\(.trend) \(.level)"')" 'insufficient_data none'

most=0
now() { cut -d ' ' -f 1 /proc/uptime; }
# until COMMAND HOLDS: looked at once a minute, for four hours.
by_the_minute() {
  local minute
  for ((minute = 0; minute < 240; minute++)); do
    if eval "$1"; then return 0; fi
    sleep 60
    charge=$(charge_of "$saw")
    if ((charge > most)); then most=$charge; fi
  done
  fail "in four hours never: $1"
}
type_in alpha 'tool hog --rate 80K --until 1200M'
by_the_minute '[[ $(count foretold) -ge 1 ]]'
told=$(now)
read -r low eta high < <(of "$alpha" '"\(.eta_low_seconds) \(.eta_seconds) \(.eta_high_seconds)"')
expect_is 'what it says' "$(field foretold AGENT_ID) $(of "$alpha" '"\(.level) \(.ceiling)"')" "$alpha warn kill_line"
expect_is 'before the warn line' "$(count warn)" 0
expect_is 'a verdict that scripts see' "$(health .verdict)" warning
by_the_minute '[[ $(count act) -ge 1 ]]'
truth=$(events act | jq -s "(.[0].__REALTIME_TIMESTAMP | tonumber) / 1e6 - $EPOCHREALTIME")
truth=$(awk -v told="$told" -v now="$(now)" -v ago="$truth" 'BEGIN { print now + ago - told }')
between() { awk -v t="$truth" -v l="$1" -v h="$2" 'BEGIN { exit !(l <= t && t <= h) }'; }
expect "it comes true after $truth s, foretold in $eta, between $low and $high" between "$low" "$high"
expect "half an hour before, and not more than an hour and a half: $truth s" between 1800 5400
by_the_minute '[[ $(count unforeseen) -ge 1 ]]'
expect_is 'told once, and of nobody else' "$(events foretold | jq -r .AGENT_ID | sort | uniq -c | xargs)" "1 $alpha"
expect_is 'the sawtooth' "$(of "$saw" .level)" none
expect "it was one: $(mib "$most") at the most" test "$most" -gt $((120 << 20))
expect 'both agents live' alive "$(pid_of alpha)" "$(head -n 1 "$CASE/saw.pid")"
figure foretold "$((${eta%.*} / 60)) min"
figure truth "$((${truth%.*} / 60)) min"
figure between "$((${low%.*} / 60)) and $((${high%.*} / 60)) min"
figure sawtooth "$(mib "$most")"
