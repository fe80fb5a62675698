# vm-health-check: output as text and JSON, exit codes, and the same without a service.
# guest: usual=bookworm
# timeout: 200

thresholds 300M 600M '[act]
dry_run = true'
expect_is 'no agents: ok' "$(health_code)" 0
start_agent alpha

vm-health-check --json >"$CASE/health.json"
expect 'the fields of --json' jq --exit-status '
  .version == 1 and .verdict == "ok"
  and (.guest | ([.mem_total, .mem_available, .swap_total, .swap_free] | all(type == "number"))
    and has("pressure") and has("forecast"))
  and (.actions | type == "array")
  and (.agents | length == 1)
  and (.agents[0] | .rule == "claude" and .level == "ok" and .uid == 1000 and .parent == null
    and ([.pid, .charge, .anon, .shmem, .swap, .processes, .warn_threshold, .kill_threshold] | all(type == "number"))
    and (.id | type == "string") and (.culprits | type == "array")
    and has("scope") and has("limit") and has("forecast"))' "$CASE/health.json"
vm-health-check >"$CASE/plain"
expect 'the table has the agent' grep -q "$alpha_pid" "$CASE/plain"
expect 'and a column MEMORY' grep -qw MEMORY "$CASE/plain"
expect 'no colors in a file' test "$(grep -c $'\e' "$CASE/plain")" = 0

type_in alpha 'grow 400M'
wait_until 60 health_code -eq 1
expect_is 'a warning' "$(health .verdict)" warning
type_in alpha 'grow 700M'
wait_until 60 health_code -eq 2
expect_is 'critical' "$(health .verdict)" critical

systemctl stop claude-watchdog.service
expect_is 'without a service' "$(health_code)" 3
expect_is 'the verdict is unknown' "$(health .verdict)" unknown
expect 'memory of the guest is known' test "$(health .guest.mem_total)" -gt $((1 << 30))
expect_is 'and its agents' "$(health '.agents[].pid')" "$alpha_pid"
expect_is 'the query started no service' "$(property ActiveState)" inactive
expect_code 'a wrong option' 2 vm-health-check --nonsense
