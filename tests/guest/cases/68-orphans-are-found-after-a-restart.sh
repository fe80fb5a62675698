# Tools that lost their parents while nobody looked are found by their environment, and never given to the wrong agent.
# guest: usual=bookworm
# timeout: 200

thresholds 900M 1500M
mkdir -p /tmp/case
start_agent alpha
start_agent beta
start_agent gamma
start_agent theirs other
all() { knows "$alpha" && knows "$beta" && knows "$gamma" && knows "$theirs"; }
wait_until 30 all
declare -A before
for name in alpha beta theirs; do before[$name]=$(charge_of "$(id_of "$name")"); done

# environment SESSION: what Claude Code gives its tools.
environment() { echo "export CLAUDECODE=1 CLAUDE_CODE_SESSION_ID=$1"; }
orphan() { echo "hog --until $1 & until test -e /tmp/case/go; do sleep 0.2; done"; }
type_in alpha "tool $(environment aaaa); sleep 1000"
type_in alpha "tool $(environment aaaa); $(orphan 101M)"
type_in beta "tool $(environment bbbb); $(orphan 102M)"
type_in theirs "tool $(environment cccc); $(orphan 103M)"
wait_for 60 '(( $(leak_count) == 3 )) && pgrep --full --exact "sleep 1000"'
for leak in $(leaks); do wait_until 60 anonymous "$leak" -ge $((100 << 20)); done

systemctl stop claude-watchdog.service
touch /tmp/case/go
for leak in $(leaks); do wait_for 30 "[[ \$(ps -o comm= -p \$(parent $leak)) == systemd ]]"; done
stray=$(pgrep -f 'hog --until 102M')
systemctl start claude-watchdog.service
wait_until 30 all

expect_charge 'one whose session a member of alpha has is alpha'"'"'s' "$alpha" $((before[alpha] + (101 << 20)))
figure session "$(mib "$charge")"
expect_charge 'one of a user with one agent is that agent'"'"'s' "$theirs" $((before[theirs] + (103 << 20)))
figure 'only agent' "$(mib "$charge")"
# Alpha is known to have another session; beta and gamma may have this one.
for name in beta gamma; do
  expect_is "one that may be of two agents is not $name's" "$(processes_of "$(id_of $name)")" 1
done
expect_is 'but listed as what somebody left behind' \
  "$(health ".agents[] | select(.pid == $stray) | \"\(.rule) \(.root_alive) \(.charge > 100000000)\"")" 'claude false true'
expect_is 'nobody was ended' "$(count act)" 0

# Forked twice at once: gone from its parent before a tick can see it.
type_in alpha "tool $(environment aaaa); setsid --fork hog --until 104M; sleep 1000"
expect_charge 'one that left at once' "$alpha" $((before[alpha] + (205 << 20)))
figure 'at once' "$(mib "$charge")"
