# Memory given back, and memory of a tool that ended, is off the charge within two updates.
# guest: usual=bookworm
# timeout: 150

thresholds 900M 1500M
start_agent alpha

# updates_until_small: how many statuses the service tells until the charge is small again.
updates_until_small() {
  local told=0
  # What is waiting was told before.
  while next_status 0.05; do :; done
  while ((told < 20)); do
    next_status 60
    told=$((told + 1))
    if (($(charge_told "$alpha") < alpha_before + (20 << 20))); then break; fi
  done
  updates_needed=$told
}

type_in alpha 'map private 200M'
expect_charge 'mapped' "$alpha" $((alpha_before + (200 << 20)))
status_stream
type_in alpha forget
wait_until 30 anonymous "$alpha_pid" -lt $((50 << 20))
updates_until_small
figure forgotten "$updates_needed updates"
expect 'what was given back is seen within two updates' test "$updates_needed" -le 2
status_stream_end

type_in alpha 'tool hog --until 200M; sleep 1000'
wait_until 30 leaks
expect_charge 'a tool' "$alpha" $((alpha_before + (200 << 20)))
status_stream
kill -KILL "$(leaks)"
wait_until 30 not leaks
updates_until_small
figure ended "$updates_needed updates"
expect 'that a tool ended is seen within two updates' test "$updates_needed" -le 2
status_stream_end
