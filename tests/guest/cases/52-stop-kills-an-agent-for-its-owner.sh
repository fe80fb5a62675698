# `claude-watchdog stop` ends an agent for its owner and for root, by the same ladder, with what it started; `events` says so to them.
# guest: usual=trixie

start_agent alpha
start_agent beta
start_agent theirs other
for name in alpha beta theirs; do wait_until 30 knows "$(id_of $name)"; done
type_in alpha 'child sleep 1000'
type_in beta 'child hog --ignore-term --until 20M; sleep 1000'
as other timeout 120 claude-watchdog events --follow --json >"$CASE/theirs" &
timeout 120 claude-watchdog events --follow --json >"$CASE/all" &
wait_until 20 test -s "$CASE/all"

# Another user may not, and the agent does not notice.
expect_code 'another user is refused' 1 as other claude-watchdog stop "$alpha"
expect 'and told why' grep -q 'only its owner and root' "$CASE/command-output"
expect_code 'none of that name' 1 as agent claude-watchdog stop claude-1
expect 'nor a process that is no agent' grep -q 'no agent' "$CASE/command-output"
expect 'it lives' alive "$alpha_pid"
expect 'the refusal is in the journal' journalctl --quiet --no-pager --since="$CASE_SINCE" -u claude-watchdog.service \
  --grep "user $(id -u other).* may not end $alpha" --output=cat

# The owner, by name; what it started ends with it, and how to go on is said.
mapfile -t children < <(pgrep --parent "$alpha_pid")
expect_code 'its owner ends it' 0 as agent claude-watchdog stop "$alpha"
expect 'and is told how to go on' grep -q "take up its work with: cd /home/agent/work" "$CASE/command-output"
figure stop "$(head -n 1 "$CASE/command-output" | cut -d, -f2)"
expect 'nothing is waited for where so little is freed' grep -q ' freed [0-4]\.' "$CASE/command-output"
expect_not 'it is gone when the command comes back' alive "$alpha_pid"
expect_not 'and what it started' alive "${children[@]}"
expect_is 'the cause' "$(field act CAUSE "AGENT_ID=$alpha")" request
expect_is 'who asked' "$(field act BY_UID "AGENT_ID=$alpha")" "$(id -u agent)"
expect_is 'in their order' "$(actions_of "$alpha")" 'found act signal acted gone'
expect 'the terminal lives' alive "$(shell_of alpha)"

# Root, by the pid of its root, one that does not listen.
expect_code 'root ends it' 0 claude-watchdog stop --json "$beta_pid"
expect_is 'with both signals' "$(jq -r '.signals | join(" ")' "$CASE/command-output")" 'TERM KILL'
expect_is 'nobody else was touched' "$(alive "$theirs_pid" && echo alive)" alive

# Events: root's of everybody, everybody else's of their own.
wait_until 20 grep -q '"kind":"gone".*$beta' "$CASE/all"
expect_is 'root is told of all' "$(jq -r 'select(.kind == "act") | "\(.agent) \(.cause)"' "$CASE/all" | grep -c -e "^$alpha request" -e "^$beta request")" 2
expect_not 'another user of nobody else' grep -q -e "$alpha" -e "$beta" "$CASE/theirs"
expect 'but of their own' grep -q "$theirs" "$CASE/theirs"
expect_is 'nor by the status' "$(as other vm-health-check --json | jq '[.actions[] | select(.uid != 1001)] | length')" 0
expect_is 'the owner is' "$(as agent vm-health-check --json \
  | jq --arg a "$alpha" --arg b "$beta" '[.actions[] | select(.agent == $a or .agent == $b)] | length')" 2
expect_code 'the last one' 0 as agent claude-watchdog events -n 1
expect_is 'is one line' "$(wc -l <"$CASE/command-output")" 1
