# `claude-watchdog stop` terminates an agent and its children for the owner and for root; `events` shows that to them only.
# guest: usual=trixie

start_agent alpha
start_agent beta
start_agent theirs other
type_in alpha 'child sleep 1000'
type_in beta 'child hog --ignore-term --until 20M; sleep 1000'
as other timeout 120 claude-watchdog events --follow --json >"$CASE/theirs" &
timeout 120 claude-watchdog events --follow --json >"$CASE/all" &
wait_until 20 test -s "$CASE/all"

# Another user may not.
expect_code 'another user is refused' 1 as other claude-watchdog stop "$alpha"
expect 'with a reason' grep -qE 'owner.*root' "$CASE/command-output"
expect_code 'an unknown id is refused' 1 as agent claude-watchdog stop claude-1
expect 'as no agent' grep -qiE 'no (such )?agent|not an agent' "$CASE/command-output"
expect 'the agent is alive' alive "$alpha_pid"
expect 'the refusal is logged' wait_until 10 logged "user $(id -u other) .*$alpha" -ge 1

# The owner, by id, with its children; the output shows how to resume.
mapfile -t children < <(pgrep --parent "$alpha_pid")
expect_code 'its owner stops it' 0 as agent claude-watchdog stop "$alpha"
expect 'the output shows how to resume' grep -q 'cd /home/agent/work && ' "$CASE/command-output"
took=$((($(field acted __MONOTONIC_TIMESTAMP) - $(field act __MONOTONIC_TIMESTAMP)) / 1000))
figure stop "$took ms"
expect 'without a wait, because it frees little memory' test "$took" -lt 5000
expect_not 'it has exited when the command returns' alive "$alpha_pid"
expect_not 'and so have its children' alive "${children[@]}"
expect_is 'the cause' "$(field act CAUSE "AGENT_ID=$alpha")" request
expect_is 'the requesting user' "$(field act BY_UID "AGENT_ID=$alpha")" "$(id -u agent)"
expect_is 'the events in order' "$(actions_of "$alpha")" 'found act signal acted gone'
expect 'the terminal is alive' alive "$(shell_of alpha)"

# Root, by pid, an agent with a child that ignores SIGTERM.
expect_code 'root stops it' 0 claude-watchdog stop --json "$beta_pid"
expect_is 'with both signals' "$(jq -r '.signals | join(" ")' "$CASE/command-output")" 'TERM KILL'
expect 'the other agent is alive' alive "$theirs_pid"

# Events: root sees all, a user only those of the own agents.
wait_until 20 grep -q "\"kind\":\"gone\".*$beta" "$CASE/all"
expect_is 'root sees all' "$(jq -r 'select(.kind == "act") | "\(.agent) \(.cause)"' "$CASE/all" | grep -c -e "^$alpha request" -e "^$beta request")" 2
expect_not 'another user does not' grep -q -e "$alpha" -e "$beta" "$CASE/theirs"
expect 'but the own ones' grep -q "$theirs" "$CASE/theirs"
expect_is 'the same in the status' "$(as other vm-health-check --json | jq '[.actions[] | select(.uid != 1001)] | length')" 0
expect_is 'where the owner sees them' "$(as agent vm-health-check --json \
  | jq --arg a "$alpha" --arg b "$beta" '[.actions[] | select(.agent == $a or .agent == $b)] | length')" 2
expect_code 'the last event' 0 as agent claude-watchdog events -n 1
expect_is 'is one line' "$(wc -l <"$CASE/command-output")" 1
