# A slow leak is foretold once and comes true within the interval; the sawtooth of a garbage collector raises nothing.
# guest: usual=trixie
# timeout: 900

lines 560M 600M
script=/opt/agents/saw/node_modules/@anthropic-ai/claude-code/cli.js
install -D /dev/stdin "$script" <<'EOF'
// Garbage all the time, of which some lives for ten seconds: a sawtooth of 200 MB on a flat floor.
let kept = [];
setInterval(() => {
  for (let i = 0; i < 40; i++) kept.push(new Array(6000).fill(i));
  if (kept.length > 4000) kept = [];
}, 100);
EOF
terminal saw
type_in saw "node --max-old-space-size=500 $script"
wait_for 60 "pgrep --uid agent --full '^node --max-old' >$CASE/saw.pid"
saw=claude-$(head -n 1 "$CASE/saw.pid")
wait_for 60 "knows $saw"
stand_in alpha
alpha=$(id_of alpha)
wait_for 60 "knows $alpha"
of() { health ".agents[] | select(.id == \"$1\") | .forecast | $2"; }
expect_is 'nothing is foretold yet' "$(of "$alpha" .trend) $(of "$alpha" .level)" 'insufficient_data none'
expect_is 'where its heap ends' "$(of "$saw" .ceiling)" kill_line

type_in alpha 'tool hog --rate 2M --until 900M'
wait_for 300 '[[ $(count foretold) -ge 1 ]]'
now=$(cut -d ' ' -f 1 /proc/uptime)
read -r low eta high < <(of "$alpha" '"\(.eta_low_seconds) \(.eta_seconds) \(.eta_high_seconds)"')
expect_is 'what it says' "$(field foretold AGENT_ID) $(of "$alpha" .level)" "$alpha runaway"
expect 'before the warn line' test "$(count warn)" = 0
expect 'a verdict that scripts see' test "$(health .verdict)" = warning
wait_for 600 '[[ $(count act) == 1 ]]'
truth=$(awk -v now="$now" '{ print $1 - now }' /proc/uptime)
expect "it comes true after $truth s, foretold in $eta, between $low and $high" \
  awk -v t="$truth" -v l="$low" -v h="$high" 'BEGIN { exit !(l <= t && t <= h) }'
wait_for 120 '[[ $(count unforeseen) == 1 ]]'
expect_is 'told once, and of nobody else' "$(count foretold) $(count warn)" '1 1'
expect_is 'the sawtooth' "$(of "$saw" .level)" none
expect 'both agents live' alive "$(pid_of alpha)" "$(head -n 1 "$CASE/saw.pid")"
figure foretold "${eta%.*} s"
figure truth "${truth%.*} s"
