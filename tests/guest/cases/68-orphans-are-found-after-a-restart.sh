# Tools that lost their parents while the service was stopped are assigned by their environment, and never to the wrong agent.
# guest: usual=bookworm
# timeout: 200

thresholds 900M 1500M
mkdir -p /tmp/case
start_agent alpha
start_agent beta
start_agent gamma
start_agent theirs other

# environment SESSION: the variables that Claude Code sets for its tools.
environment() { echo "export CLAUDECODE=1 CLAUDE_CODE_SESSION_ID=$1"; }
orphan() { echo "hog --until $1 & until test -e /tmp/case/go; do sleep 0.2; done"; }
type_in alpha "tool $(environment aaaa); sleep 1000"
type_in alpha "tool $(environment aaaa); $(orphan 101M)"
type_in beta "tool $(environment bbbb); $(orphan 102M)"
type_in theirs "tool $(environment cccc); $(orphan 103M)"
wait_until 60 leak_count -eq 3
wait_until 60 pid_of_command 'sleep 1000'
for leak in $(leaks); do wait_until 60 anonymous "$leak" -ge $((100 << 20)); done

systemctl stop claude-watchdog.service
touch /tmp/case/go
spawner_of() { command_of "$(parent "$1")"; }
for leak in $(leaks); do wait_until 30 spawner_of "$leak" == systemd; done
stray=$(pgrep -f 'hog --until 102M')
systemctl start claude-watchdog.service
for agent in "$alpha" "$beta" "$gamma" "$theirs"; do wait_until 30 knows "$agent"; done

expect_charge 'an orphan with the session of a member of alpha is alpha'"'"'s' "$alpha" $((alpha_before + (101 << 20)))
figure session "$(mib "$charge")"
expect_charge 'an orphan of a user with one agent is that agent'"'"'s' "$theirs" $((theirs_before + (103 << 20)))
figure 'only agent' "$(mib "$charge")"
# Alpha is known to have another session; beta and gamma may have this one.
for name in beta gamma; do
  expect_is "an orphan of two possible agents is not $name's" "$(processes_of "$(id_of $name)")" 1
done
expect_is 'but listed as an orphan' \
  "$(health ".agents[] | select(.pid == $stray) | \"\(.rule) \(.root_alive) \(.charge > 100000000)\"")" 'claude false true'
expect_is 'nothing was killed' "$(count act)" 0

# Forked twice at once: reparented before the next sample.
type_in alpha "tool $(environment aaaa); setsid --fork hog --until 104M; sleep 1000"
expect_charge 'one that was reparented at once' "$alpha" $((alpha_before + (205 << 20)))
figure 'at once' "$(mib "$charge")"
