# Run by a plain user, the daemon supervises this user's agents, answers at the user's own socket, and kills leaks.
# guest: usual=bookworm
# timeout: 400

mkdir -p /home/other/.config/claude-watchdog
printf '[thresholds]\nwarn = "300M"\nkill = "600M"\n' >/home/other/.config/claude-watchdog/config.toml
chown -R other: /home/other/.config
as other systemd-run --user --quiet --collect --unit=own-watchdog claude-watchdog daemon
socket=/run/user/1001/claude-watchdog/io.moltdown.Watchdog
wait_until 90 test -S "$socket"
own() { as other env CLAUDE_WATCHDOG_SOCKET="$socket" vm-health-check --json | jq -r "$1"; }

stand_in alpha agent
stand_in theirs other
wait_until 90 own '.agents[].id' == "$(id_of theirs)"
expect_is 'the socket is the user'"'"'s' "$(stat -c %U "$socket")" other

type_in alpha 'grow 700M'
type_in theirs 'tool hog --rate 60M --until 900M; echo $? >code; sleep 1000'
leak=$(await 90 leaks)
wait_until 180 gone "$leak"
wait_until 90 test -s /home/other/work/code
expect_is 'the leak got SIGTERM' "$(cat /home/other/work/code)" 143
expect 'both agents are alive' alive "$(pid_of theirs)" "$(pid_of alpha)"
expect_is 'only the own agent' "$(own '.agents[].id')" "$(id_of theirs)"
expect_is 'the action is reported there' "$(own '.actions[0].culprit.pid')" "$leak"
expect_is 'the system'"'"'s service took no action' "$(count act)" 0
as other systemctl --user stop own-watchdog
rm -rf /home/other/.config/claude-watchdog /home/other/.local/state/claude-watchdog /run/user/1001/claude-watchdog
