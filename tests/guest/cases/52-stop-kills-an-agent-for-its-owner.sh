# `claude-watchdog stop` ends an agent for its owner and for root, by the same ladder, with what it started; `events` says so to them.
# guest: usual=trixie

stand_in alpha
stand_in beta
stand_in theirs other
for name in alpha beta theirs; do wait_for 30 "knows $(id_of $name)"; done
type_in alpha 'child sleep 1000'
type_in beta 'child hog --ignore-term --until 20M; sleep 1000'
as other timeout 120 claude-watchdog events --follow --json >"$CASE/theirs" &
timeout 120 claude-watchdog events --follow --json >"$CASE/all" &
wait_for 20 "[[ -s $CASE/all ]]"

# Another user may not, and the agent does not notice.
expect_code 'another user is refused' 1 as other claude-watchdog stop "$(id_of alpha)"
expect 'and told why' grep -q 'only its owner and root' "$CASE/command-output"
expect_code 'none of that name' 1 as agent claude-watchdog stop claude-1
expect 'nor a process that is no agent' grep -q 'no agent' "$CASE/command-output"
expect 'it lives' alive "$(pid_of alpha)"
expect 'the refusal is in the journal' journalctl --quiet --no-pager --since="$CASE_SINCE" -u claude-watchdog.service \
  --grep "user $(id -u other).* may not end $(id_of alpha)" --output=cat

# The owner, by name; what it started ends with it, and how to go on is said.
mapfile -t children < <(pgrep --parent "$(pid_of alpha)")
expect_code 'its owner ends it' 0 as agent claude-watchdog stop "$(id_of alpha)"
expect 'and is told how to go on' grep -q "take up its work with: cd /home/agent/work" "$CASE/command-output"
figure stop "$(head -n 1 "$CASE/command-output" | cut -d, -f2)"
expect 'nothing is waited for where so little is freed' grep -q ' freed [0-4]\.' "$CASE/command-output"
expect_not 'it is gone when the command comes back' alive "$(pid_of alpha)"
expect_not 'and what it started' alive "${children[@]}"
expect_is 'the cause' "$(field act CAUSE "AGENT_ID=$(id_of alpha)")" request
expect_is 'who asked' "$(field act BY_UID "AGENT_ID=$(id_of alpha)")" "$(id -u agent)"
expect_is 'in their order' "$(actions_of "$(id_of alpha)")" 'found act signal acted gone'
expect 'the terminal lives' alive "$(shell_of alpha)"

# Root, by the pid of its root, one that does not listen.
expect_code 'root ends it' 0 claude-watchdog stop --json "$(pid_of beta)"
expect_is 'with both signals' "$(jq -r '.signals | join(" ")' "$CASE/command-output")" 'TERM KILL'
expect_is 'nobody else was touched' "$(alive "$(pid_of theirs)" && echo alive)" alive

# Events: root's of everybody, everybody else's of their own.
wait_for 20 "grep -q '\"kind\":\"gone\".*$(id_of beta)' $CASE/all"
expect_is 'root is told of all' "$(jq -r 'select(.kind == "act") | "\(.agent) \(.cause)"' "$CASE/all" | grep -c -e "^$(id_of alpha) request" -e "^$(id_of beta) request")" 2
expect_not 'another user of nobody else' grep -q -e "$(id_of alpha)" -e "$(id_of beta)" "$CASE/theirs"
expect 'but of their own' grep -q "$(id_of theirs)" "$CASE/theirs"
expect_is 'nor by the status' "$(as other vm-health-check --json | jq '[.actions[] | select(.uid != 1001)] | length')" 0
expect_is 'the owner is' "$(as agent vm-health-check --json \
  | jq --arg a "$(id_of alpha)" --arg b "$(id_of beta)" '[.actions[] | select(.agent == $a or .agent == $b)] | length')" 2
expect_code 'the last one' 0 as agent claude-watchdog events -n 1
expect_is 'is one line' "$(wc -l <"$CASE/command-output")" 1
