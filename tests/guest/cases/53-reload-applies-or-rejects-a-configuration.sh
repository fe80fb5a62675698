# `systemctl reload` takes up a configuration without losing anything, and fails with what is wrong with one that is.
# guest: usual=bookworm

file=/etc/claude-watchdog/config.toml.d/50-case.toml
thresholds 300M 600M
start_agent alpha
before=$(daemon_pid)
type_in alpha 'grow 350M'
wait_until 30 count warn -eq 1

printf '[lines]\nwarn = "500M"\nkill = "900M"\n' >"$file"
expect_code 'it is taken' 0 systemctl reload claude-watchdog.service
expect_is 'at once' "$(health '.agents[0] | "\(.warn_line) \(.kill_line)"')" "$((500 << 20)) $((900 << 20))"
wait_until 20 count recovered -eq 1
expect_is 'by the same process' "$(daemon_pid)" "$before"
expect_is 'which has lost nobody' "$(actions_of "$alpha")" 'found warn recovered'

# Wrong: the reload fails, the unit goes on, and the message is there.
printf '[lines]\nwarm = "500M"\n' >"$file"
expect_code 'it is refused' 1 systemctl reload claude-watchdog.service
expect_code 'by the command as well' 78 claude-watchdog reload
expect 'with file, line and what would be right' grep -q "$file:2.*warn" "$CASE/command-output"
journalctl --quiet --no-pager --since="$CASE_SINCE" --unit claude-watchdog.service --output=cat >"$CASE/journal"
expect 'in the journal too' grep -q "$file:2" "$CASE/journal"
expect_is 'the one before counts' "$(health '.agents[0].kill_line')" $((900 << 20))
expect 'the service runs' service_is_active
expect_is 'as it did' "$(daemon_pid)" "$before"
expect_code 'nobody else may' 1 as agent claude-watchdog reload
expect 'and is told so' grep -q 'only its owner and root' "$CASE/command-output"

# The environment file of the unit counts, now and when it is gone again.
rm "$file"
echo 'WATCHDOG_WARN_MB=320' >/etc/default/claude-watchdog
afterwards 'rm -f /etc/default/claude-watchdog'
systemctl reload claude-watchdog.service
expect_is 'what the environment file says counts' "$(health '.agents[0].warn_line')" $((320 << 20))
wait_until 20 count warn -eq 2
rm /etc/default/claude-watchdog
systemctl reload claude-watchdog.service
expect 'and no longer when it is gone' test "$(health '.agents[0].warn_line')" -gt $((500 << 20))

# Rules: what nobody knew is an agent from then on, and its agent is known by the same name.
mkdir -p /opt/agents/mine
install /usr/local/bin/hog /opt/agents/mine/helper
as agent /opt/agents/mine/helper --until 30M &
wait_until 20 running /opt/agents/mine/helper
helper=$(running /opt/agents/mine/helper)
printf '[rules.mine]\nexe = ["/opt/agents/mine/helper"]\n' >"$file"
expect_code 'a rule is taken' 0 systemctl reload claude-watchdog.service
wait_until 20 knows "mine-$helper"
expect 'the other is still known' knows "$alpha"
expect_is 'and was not found anew' "$(count found "AGENT_ID=$alpha")" 1
rm "$file"
systemctl reload claude-watchdog.service
wait_until 20 count unknown "AGENT_ID=mine-$helper" -eq 1
expect_is 'nobody says that it has ended' "$(count gone "AGENT_ID=mine-$helper")" 0
expect 'which it has not' alive "$helper"

# What is under way goes on: a reload in the middle of a grace.
printf '[lines]\nwarn = "400M"\nkill = "500M"\n[act]\ngrace = "4s"\n' >"$file"
systemctl reload claude-watchdog.service
type_in alpha 'tool hog --ignore-term --until 400M; sleep 1000'
wait_until 30 count act -eq 1
printf '[lines]\nwarn = "800M"\nkill = "900M"\n' >"$file"
expect_code 'in the middle of an action' 0 systemctl reload claude-watchdog.service
wait_until 40 count acted -eq 1
expect_is 'it was brought to its end' "$(actions_of "$alpha" | grep -o 'act signal.*acted')" 'act signal kill signal acted'
