# Processes that an agent started stay charged to it: in their own session, reparented, forked twice, and after the agent's death.
# guest: usual=trixie
# timeout: 150

thresholds 900M 1500M
start_agent alpha
type_in alpha 'tool hog --until 50M'
type_in alpha 'tool hog --until 60M & sleep 3'
type_in alpha 'tool (hog --until 70M & sleep 4) & sleep 3'
spawner_of() { command_of "$(parent "$(pid_of_command "hog --until $1")")"; }
for size in 60M 70M; do wait_until 60 spawner_of $size == systemd; done

expect_not 'one has a session of its own' test \
  "$(session_of "$(pid_of_command 'hog --until 50M')")" = "$(session_of "$alpha_pid")"
expect_charge 'all of them' "$alpha" $((alpha_before + (180 << 20)))
figure reparented "$(mib "$charge")"

kill -KILL "$alpha_pid"
wait_until 30 agent_health "$alpha" root_alive == false
expect_charge 'also after the agent'"'"'s death' "$alpha" $((alpha_before + (180 << 20)))
expect_is 'there is one agent' "$(agent_count)" 1
figure orphans "$(mib "$charge")"
leaks | xargs kill -KILL
wait_until 30 agent_count -eq 0
