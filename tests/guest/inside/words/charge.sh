# The charge of an agent, as the service reports it and as the kernel does.

# near ACTUAL WANTED [PERCENT]: within PERCENT, 5 by default.
near() {
  local away=$(($1 - $2))
  ((${away#-} * 100 <= $2 * ${3-5}))
}

# expect_charge DESCRIPTION ID WANTED [PERCENT]: within 40 s the charge gets near to WANTED and stays for two updates. Sets
# `charge`.
expect_charge() {
  local what=$1 id=$2 wanted=$3 percent=${4-5} deadline stayed=0
  scaled 40
  deadline=$((SECONDS + REPLY))
  status_stream
  while ((stayed < 3)); do
    next_status 60
    charge=$(charge_in_status "$id")
    if near "$charge" "$wanted" "$percent"; then
      stayed=$((stayed + 1))
    elif ((SECONDS < deadline)); then
      # The first may be older than what the case has just done.
      stayed=0
    else
      fail "$what (charge $(mib "$charge") after $stayed updates near $(mib "$wanted"))"
    fi
  done
  status_stream_end
}

# charge_in_status ID: the charge in `status`, 0 for an unknown agent.
charge_in_status() { jq "[.parameters.status.agents[] | select(.id == \"$1\") | .charge] | add // 0" <<<"$status"; }

# processes_of ID: how many processes the service counts.
processes_of() { health ".agents[] | select(.id == \"$1\") | .processes"; }

# status_stream: subscribes to the status; next_status reads one update.
status_stream() {
  coproc STATUS { exec socat - UNIX-CONNECT:/run/claude-watchdog/io.moltdown.Watchdog 2>/dev/null; }
  printf '%s\0' '{"method":"io.moltdown.Watchdog.Status","parameters":{},"more":true}' >&"${STATUS[1]}"
}

# next_status SECONDS: reads the next update into `status`; fails if none arrives in time.
next_status() { IFS= read -r -d '' -t "$1" status <&"${STATUS[0]}"; }

status_stream_end() {
  local pid=$STATUS_PID
  kill "$pid"
  wait "$pid" || true
}

# updates COUNT: waits until the service has published COUNT more updates.
updates() {
  local count seconds
  scaled 60
  seconds=$REPLY
  status_stream
  # The first one is the current status.
  for ((count = 0; count <= $1; count++)); do next_status "$seconds"; done
  status_stream_end
}

# rollup FIELDS PID…: the sum of these fields of /proc/PID/smaps_rollup over all of them, in bytes. FIELDS are
# alternatives of a regular expression: `Pss_Anon|Pss_Shmem`.
rollup() {
  local fields=$1 pid
  shift
  for pid; do
    # One of them may exit meanwhile.
    cat "/proc/$pid/smaps_rollup" 2>/dev/null || true
  done | awk -v fields="^($fields):\$" '$1 ~ fields { sum += $2 } END { printf "%.0f\n", sum * 1024 }'
}

# expect_true_charge DESCRIPTION ID PID…: the charge in the service is what these processes hold, within 5 percent or a mebibyte
# (the kernel counts each thread's pages in lots of 64): private and proportionally shared memory, swap included.
# Private_Dirty would be simpler and is shown beside it, but leaves out memory shared since a fork and swapped memory, and
# includes dirty pages of mapped files. Programs allocate meanwhile: several tries.
expect_true_charge() {
  local what=$1 id=$2 try charge real away
  shift 2
  for try in {1..20}; do
    updates 1
    charge=$(charge_of "$id")
    real=$(rollup 'Pss_Anon|Pss_Shmem|SwapPss' "$@")
    away=$((charge - real))
    if ((real > 0)) && { near "$charge" "$real" || ((${away#-} <= 1 << 20)); }; then
      figure charge "$(mib "$charge")"
      figure pss "$(mib "$real")"
      figure dirty "$(mib "$(rollup Private_Dirty "$@")")"
      figure rss "$(mib "$(rollup Rss "$@")")"
      return
    fi
    sleep 1
  done
  fail "$what (charge $(mib "${charge:-0}"), memory $(mib "$real"), after $try tries)"
}
