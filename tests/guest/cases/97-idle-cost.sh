# What it costs to watch a quiet guest of 300 processes, beside earlyoom and systemd-oomd in the same minute.
# guest: memory=2G releases=trixie
# timeout: 300

seconds=${CASE_SECONDS:-30}
earlyoom
afterwards 'systemctl mask --quiet --now systemd-oomd.service'
systemctl unmask --quiet systemd-oomd.service
systemctl start systemd-oomd.service
for ((number = 0; number < 300; number++)); do setpriv --reuid nobody --clear-groups sleep 1000 & done
pids() { daemon_pid; pidof earlyoom; pidof systemd-oomd; }
mapfile -t pids < <(pids)

# Nanoseconds of processor of all threads of a process.
processor() { cat "/proc/$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'; }

# idle NAME: milliseconds a minute of each, in `cost`.
idle() {
  local before=() pid number
  for pid in "${pids[@]}"; do before+=("$(processor "$pid")"); done
  sleep "$seconds"
  cost=()
  for number in 0 1 2; do
    cost+=($((($(processor "${pids[number]}") - before[number]) * 60 / seconds / 1000000)))
  done
  figure "$1" "ours ${cost[0]} earlyoom ${cost[1]} systemd-oomd ${cost[2]} ms a minute"
}

# Processes that have only just started are looked at more closely, by ours for ten seconds.
sleep 15
idle 'no agent'
none=("${cost[@]}")
several five 5 'tool sleep 1000'
wait_for 60 '[[ $(health ".agents | length") == 5 ]]'
sleep 15
idle 'five agents'
five=("${cost[@]}")
for number in 0 1 2; do
  rss=$(awk '$1 == "VmRSS:" { print $2 "K" }' "/proc/${pids[number]}/status")
  figure "$(cat "/proc/${pids[number]}/comm")" "RSS $rss anonymous $(($(anonymous "${pids[number]}") >> 10))K"
done
expect 'they are still the same' test "$(pids | paste -sd' ')" = "${pids[*]}"
# Generous: so short a time on a busy, emulated machine is no measurement. The goal is not more than earlyoom without
# agents, and not more than systemd-oomd with five.
expect 'without agents not many times earlyoom' test "${none[0]}" -le $((none[1] * 5 + 200))
expect 'with five not many times systemd-oomd' test "${five[0]}" -le $((five[2] * 10 + 500))
