# Memory that was given back, and memory of an exited tool, leaves the charge within two updates.
# guest: usual=bookworm
# timeout: 150

thresholds 900M 1500M
start_agent alpha

# updates_until_small: how many status updates arrive until the charge is small again.
updates_until_small() {
  local updates=0
  # Waiting updates are older.
  while next_status 0.05; do :; done
  while ((updates < 20)); do
    next_status 60
    updates=$((updates + 1))
    if (($(charge_in_status "$alpha") < alpha_before + (20 << 20))); then break; fi
  done
  updates_needed=$updates
}

type_in alpha 'map private 200M'
expect_charge 'mapped' "$alpha" $((alpha_before + (200 << 20)))
status_stream
type_in alpha forget
wait_until 30 anonymous "$alpha_pid" -lt $((50 << 20))
updates_until_small
figure forgotten "$updates_needed updates"
expect 'memory that was given back is gone within two updates' test "$updates_needed" -le 2
status_stream_end

type_in alpha 'tool hog --until 200M; sleep 1000'
wait_until 30 leaks
expect_charge 'a tool' "$alpha" $((alpha_before + (200 << 20)))
status_stream
kill -KILL "$(leaks)"
wait_until 30 not leaks
updates_until_small
figure exited "$updates_needed updates"
expect 'memory of an exited tool is gone within two updates' test "$updates_needed" -le 2
status_stream_end
