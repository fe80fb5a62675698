# The cost of supervising a quiet guest.

# Processor time in ns of all threads of a process, in REPLY. Without a child process, since the service inspects new ones.
processor_of() {
  local thread time rest
  REPLY=0
  for thread in "/proc/$1/task"/*; do
    read -r time rest <"$thread/schedstat" && REPLY=$((REPLY + time))
  done
}

# rest SECONDS: `sleep` without a process.
rest() {
  local pause
  mkfifo "$CASE/pause" && exec {pause}<>"$CASE/pause"
  read -r -t "$1" -u "$pause" || true
  exec {pause}>&-
  rm "$CASE/pause"
}

# idle NAME SECONDS PID…: processor time of each in ms a minute, in `cost`.
idle() {
  local name=$1 seconds=$2 pid before=()
  shift 2
  for pid; do processor_of "$pid" && before+=("$REPLY"); done
  rest "$seconds"
  cost=()
  for pid; do
    processor_of "$pid"
    cost+=($(((REPLY - before[${#cost[@]}]) * 60 / seconds / 1000000)))
  done
  figure "$name" "ours ${cost[0]} earlyoom ${cost[1]} systemd-oomd ${cost[2]} ms a minute"
}

# idle_guest SECONDS: compares the service with earlyoom and systemd-oomd at the same time in a quiet guest of 300 processes,
# without agents and with five of three processes each.
idle_guest() {
  local seconds=$1 number none five rss pids
  earlyoom
  afterwards 'systemctl mask --quiet --now systemd-oomd.service'
  systemctl unmask --quiet systemd-oomd.service
  systemctl start systemd-oomd.service
  for ((number = 0; number < 300; number++)); do setpriv --reuid nobody --clear-groups sleep 1000 & done
  pids=("$(daemon_pid)" "$(pidof earlyoom)" "$(pidof systemd-oomd)")

  # The service inspects new processes more often for ten seconds.
  rest 15
  idle 'no agent' "$seconds" "${pids[@]}"
  none=("${cost[@]}")
  several five 5 'tool sleep 1000'
  wait_until 60 agent_count -eq 5
  rest 15
  idle 'five agents' "$seconds" "${pids[@]}"
  five=("${cost[@]}")
  for number in 0 1 2; do
    rss=$(awk '$1 == "VmRSS:" { print $2 "K" }' "/proc/${pids[number]}/status")
    figure "$(cat "/proc/${pids[number]}/comm")" "RSS $rss anonymous $(($(anonymous "${pids[number]}") >> 10))K"
  done
  expect 'they are still the same' \
    test "$(daemon_pid) $(pidof earlyoom) $(pidof systemd-oomd)" = "${pids[*]}"
  # Generous, because so short a time on a busy emulated machine is no measurement. The goal is no more than earlyoom without
  # agents, and no more than systemd-oomd with five.
  expect 'without agents not many times earlyoom' test "${none[0]}" -le $((none[1] * 3 + 100))
  expect 'with five not many times systemd-oomd' test "${five[0]}" -le $((five[2] * 3 + 100))
}
