# A user sees all details of the own agents, and only totals of other users' agents.
# guest: usual=bookworm

start_agent alpha agent
start_agent theirs other

sees() { # sees USER NAME FIELD
  as "$1" vm-health-check --json | jq -r ".agents[] | select(.pid == $(pid_of "$2")) | .$3 // empty"
}
for user in agent root; do
  expect_like "$user sees the command" "$(sees "$user" alpha command)" 'claude'
  expect_is "$user sees the directory" "$(sees "$user" alpha cwd)" /home/agent/work
done
expect_is 'another user does not see the command' "$(sees other alpha command)" ''
expect_is 'another user does not see the directory' "$(sees other alpha cwd)" ''
expect 'another user sees the total' test "$(sees other alpha charge)" -gt 0
expect_is 'but the own agent in full' "$(sees other theirs cwd)" /home/other/work
as other vm-health-check --json >"$CASE/seen"
expect_not 'nor anywhere else in the output' grep -q -e /home/agent -e /opt/agents/alpha "$CASE/seen"
