# vm-health-check for people and programs: what it says, its exit codes, and what it says without a service.
# guest: usual=bookworm
# timeout: 200

thresholds 300M 600M '[act]
dry_run = true'
expect_is 'nobody is there: ok' "$(health_code)" 0
start_agent alpha

vm-health-check --json >"$CASE/health.json"
expect 'the contract of --json' jq --exit-status '
  .version == 1 and .verdict == "ok"
  and (.guest | ([.mem_total, .mem_available, .swap_total, .swap_free] | all(type == "number"))
    and has("pressure") and has("forecast"))
  and (.actions | type == "array")
  and (.agents | length == 1)
  and (.agents[0] | .rule == "claude" and .level == "ok" and .uid == 1000 and .parent == null
    and ([.pid, .charge, .anon, .shmem, .swap, .processes, .warn_line, .kill_line] | all(type == "number"))
    and (.id | type == "string") and (.culprits | type == "array")
    and has("scope") and has("limit") and has("forecast"))' "$CASE/health.json"
vm-health-check >"$CASE/plain"
expect 'a person sees the agent' grep -q "$alpha_pid" "$CASE/plain"
expect 'no colours into a file' test "$(grep -c $'\e' "$CASE/plain")" = 0

type_in alpha 'grow 400M'
wait_until 60 health_code -eq 1
expect_is 'a warning' "$(health .verdict)" warning
type_in alpha 'grow 700M'
wait_until 60 health_code -eq 2
expect_is 'critical' "$(health .verdict)" critical

systemctl stop claude-watchdog.service
expect_is 'no service' "$(health_code)" 3
expect_is 'is unknown' "$(health .verdict)" unknown
expect 'but the guest is not' test "$(health .guest.mem_total)" -gt $((1 << 30))
expect_is 'nor the agents' "$(health '.agents[].pid')" "$alpha_pid"
expect_is 'asking started nothing' "$(property ActiveState)" inactive
expect_code 'a wrong option' 2 vm-health-check --nonsense
