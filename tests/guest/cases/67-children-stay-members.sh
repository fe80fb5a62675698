# What an agent started stays charged to it: in its own session, reparented, forked twice, and when the agent is dead.
# guest: usual=trixie
# timeout: 150

lines 900M 1500M
stand_in alpha
alpha=$(id_of alpha)
wait_for 30 "knows $alpha"
before=$(charge_of "$alpha")
type_in alpha 'tool hog --until 50M'
type_in alpha 'tool hog --until 60M & sleep 3'
type_in alpha 'tool (hog --until 70M & sleep 4) & sleep 3'
reparented() { [[ $(ps -o comm= -p "$(parent "$(pgrep --full --exact "hog --until $1")")") == systemd ]]; }
wait_for 60 'reparented 60M && reparented 70M'

expect_not 'one has a session of its own' test \
  "$(ps -o sid= -p "$(pgrep --full --exact 'hog --until 50M')")" = "$(ps -o sid= -p "$(pid_of alpha)")"
expect_charge 'all of them' "$alpha" $((before + (180 << 20)))
figure reparented "$(mib "$charge")"

kill -KILL "$(pid_of alpha)"
wait_for 30 "[[ \$(health '.agents[] | select(.id == \"$alpha\") | .root_alive') == false ]]"
expect_charge 'also when the agent is dead' "$alpha" $((before + (180 << 20)))
expect_is 'there is one agent' "$(health '.agents | length')" 1
figure orphans "$(mib "$charge")"
leaks | xargs kill -KILL
wait_for 30 "[[ \$(health '.agents | length') == 0 ]]"
