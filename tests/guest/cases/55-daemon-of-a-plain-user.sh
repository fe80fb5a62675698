# Started by a plain user, the daemon watches this user's agents, answers at a socket of the user's, and acts.
# guest: usual=bookworm
# timeout: 400

mkdir -p /home/other/.config/claude-watchdog
printf '[lines]\nwarn = "300M"\nkill = "600M"\n' >/home/other/.config/claude-watchdog/config.toml
chown -R other: /home/other/.config
as other systemd-run --user --quiet --collect --unit=own-watchdog claude-watchdog daemon
socket=/run/user/1001/claude-watchdog/io.moltdown.Watchdog
wait_until 90 test -S "$socket"
own() { as other env CLAUDE_WATCHDOG_SOCKET="$socket" vm-health-check --json | jq -r "$1"; }

stand_in alpha agent
stand_in theirs other
wait_until 90 own '.agents[].id' == "$(id_of theirs)"
expect_is 'nobody else may use the socket' "$(stat -c %U "$socket")" other

type_in alpha 'grow 700M'
type_in theirs 'tool hog --rate 60M --until 900M; echo $? >code; sleep 1000'
leak=$(await 90 leaks)
wait_until 180 gone "$leak"
wait_until 90 test -s /home/other/work/code
expect_is 'asked to end' "$(cat /home/other/work/code)" 143
expect 'both agents live' alive "$(pid_of theirs)" "$(pid_of alpha)"
expect_is 'only their own agent' "$(own '.agents[].id')" "$(id_of theirs)"
expect_is 'the action is told there' "$(own '.actions[0].culprit.pid')" "$leak"
expect_is 'the system'"'"'s service had no reason' "$(count act)" 0
as other systemctl --user stop own-watchdog
rm -rf /home/other/.config/claude-watchdog /home/other/.local/state/claude-watchdog /run/user/1001/claude-watchdog
