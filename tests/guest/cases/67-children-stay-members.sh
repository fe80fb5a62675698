# What an agent started stays charged to it: in its own session, reparented, forked twice, and when the agent is dead.
# guest: usual=trixie
# timeout: 150

thresholds 900M 1500M
start_agent alpha
type_in alpha 'tool hog --until 50M'
type_in alpha 'tool hog --until 60M & sleep 3'
type_in alpha 'tool (hog --until 70M & sleep 4) & sleep 3'
reparented() { [[ $(ps -o comm= -p "$(parent "$(pgrep --full --exact "hog --until $1")")") == systemd ]]; }
wait_for 60 'reparented 60M && reparented 70M'

expect_not 'one has a session of its own' test \
  "$(ps -o sid= -p "$(pgrep --full --exact 'hog --until 50M')")" = "$(ps -o sid= -p "$alpha_pid")"
expect_charge 'all of them' "$alpha" $((alpha_before + (180 << 20)))
figure reparented "$(mib "$charge")"

kill -KILL "$alpha_pid"
wait_until 30 agent_health "$alpha" root_alive == false
expect_charge 'also when the agent is dead' "$alpha" $((alpha_before + (180 << 20)))
expect_is 'there is one agent' "$(health '.agents | length')" 1
figure orphans "$(mib "$charge")"
leaks | xargs kill -KILL
wait_until 30 agent_count -eq 0
