# `systemctl reload` applies a new configuration without losing state; an invalid one is rejected with its error.
# guest: usual=bookworm

file=/etc/claude-watchdog/config.toml.d/50-case.toml
thresholds 300M 600M
start_agent alpha
before=$(daemon_pid)
type_in alpha 'grow 350M'
wait_until 30 count warn -eq 1

printf '[thresholds]\nwarn = "500M"\nkill = "900M"\n' >"$file"
expect_code 'it is applied' 0 systemctl reload claude-watchdog.service
expect_is 'at once' "$(health '.agents[0] | "\(.warn_threshold) \(.kill_threshold)"')" "$((500 << 20)) $((900 << 20))"
wait_until 20 count recovered -eq 1
expect_is 'by the same process' "$(daemon_pid)" "$before"
expect_is 'which still has its agent' "$(actions_of "$alpha")" 'found warn recovered'

# Invalid: the reload fails with a message, the unit keeps running.
printf '[thresholds]\nwarm = "500M"\n' >"$file"
expect_code 'it is rejected' 1 systemctl reload claude-watchdog.service
expect_code 'by the command as well' 78 claude-watchdog reload
expect 'with file, line and the right key' grep -q "$file:2.*warn" "$CASE/command-output"
journalctl --quiet --no-pager --since="$CASE_SINCE" --unit claude-watchdog.service --output=cat >"$CASE/journal"
expect 'in the journal too' grep -q "$file:2" "$CASE/journal"
expect_is 'the previous one is in effect' "$(health '.agents[0].kill_threshold')" $((900 << 20))
expect 'the service is active' service_is_active
expect_is 'in the same process' "$(daemon_pid)" "$before"
expect_code 'another user may not reload' 1 as agent claude-watchdog reload
expect 'with a reason' grep -qE 'owner.*root' "$CASE/command-output"

# The environment file of the unit counts, and its removal too.
rm "$file"
echo 'WATCHDOG_WARN_MB=320' >/etc/default/claude-watchdog
afterwards 'rm -f /etc/default/claude-watchdog'
systemctl reload claude-watchdog.service
expect_is 'the environment file counts' "$(health '.agents[0].warn_threshold')" $((320 << 20))
wait_until 20 count warn -eq 2
rm /etc/default/claude-watchdog
systemctl reload claude-watchdog.service
expect 'and no longer after its removal' test "$(health '.agents[0].warn_threshold')" -gt $((500 << 20))

# A new rule makes an agent of a running process; the others keep their ids.
mkdir -p /opt/agents/mine
install /usr/local/bin/hog /opt/agents/mine/helper
as agent /opt/agents/mine/helper --until 30M &
helper=$(await 20 running /opt/agents/mine/helper)
printf '[rules.mine]\nexe = ["/opt/agents/mine/helper"]\n' >"$file"
expect_code 'a rule is applied' 0 systemctl reload claude-watchdog.service
wait_until 20 knows "mine-$helper"
expect 'the other agent is still known' knows "$alpha"
expect_is 'and was not found anew' "$(count found "AGENT_ID=$alpha")" 1
rm "$file"
systemctl reload claude-watchdog.service
wait_until 20 count unknown "AGENT_ID=mine-$helper" -eq 1
expect_is 'without the rule it is not reported as gone' "$(count gone "AGENT_ID=mine-$helper")" 0
expect 'because it is alive' alive "$helper"

# A reload during the grace of an action.
printf '[thresholds]\nwarn = "400M"\nkill = "500M"\n[act]\ngrace = "4s"\n' >"$file"
systemctl reload claude-watchdog.service
type_in alpha 'tool hog --ignore-term --until 400M; sleep 1000'
wait_until 30 count act -eq 1
printf '[thresholds]\nwarn = "800M"\nkill = "900M"\n' >"$file"
expect_code 'during an action' 0 systemctl reload claude-watchdog.service
wait_until 40 count acted -eq 1
expect_is 'the action is completed' "$(actions_of "$alpha" | grep -o 'act signal.*acted')" 'act signal kill signal acted'
