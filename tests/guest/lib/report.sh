# Follows the report of a guest (inside/main) and prints the results. A report is a sequence of lines:
#   ready SLOWNESS                 the guest is up and the package installed; the machine's slowness in percent
#   begin NAME TIMEOUT             a case starts
#   progress TEXT                  a long case still runs
#   | TEXT                         a line that explains the result that follows
#   end NAME ok|FAIL|skip SECONDS TEXT
#   broken                         the package could not be installed; the explanation precedes it
#   done                           every case was run
#   gone                           written by boot_watch: qemu has exited
# The results file of a boot has a line `ok|FAIL|skip|left NAME` a case; `left`: left out for lack of time.

# From power-on to `ready`, in seconds. A guest was seen to boot in 15 to 150 s.
readonly BOOT_TIMEOUT=480
# From a case's own timeout until its guest is considered hung; scaled by the slowness.
readonly CASE_END_TIMEOUT=90
# With a fast clock a case's timeout is in guest time, and the guest gets the processor time that others leave.
readonly FAST_CLOCK_TIMEOUT=1500
readonly CONSOLE_LINES=15

# Follows the boot in DIRECTORY to its end, prints every result and appends it to DIRECTORY/results. PRIORITY `final` lets every case
# run as long as the core may. Sets `outcome`: finished, broken, gone (exited or hung) or stopped (out of time).
report_follow() {
  local release=$1 dir=$2 priority=${3-} line word name rest timeout=$BOOT_TIMEOUT slowness=100 running='' why=() wait
  local result seconds text started=$SECONDS status
  outcome=gone
  if [[ $dir == *+fast ]]; then timeout=$FAST_CLOCK_TIMEOUT; fi
  report_set_end "$dir" '' "$priority"
  exec 4< <(tail -n +1 -s 0.2 -f --pid="$(<"$dir/pid")" "$dir/report" 2>/dev/null)
  while true; do
    wait=$((stop_at - EPOCHSECONDS))
    if ((wait > timeout)); then wait=$timeout; fi
    if ((wait < 1)); then wait=1; fi
    IFS= read -r -t "$wait" line <&4
    status=$?
    if ((status != 0)); then
      # Above 128: nothing was reported in time.
      if ((status > 128 && EPOCHSECONDS >= stop_at)); then outcome=stopped; fi
      break
    fi
    read -r word name rest <<<"$line"
    case $word in
      ready)
        slowness=${name:-100} timeout=$((CASE_END_TIMEOUT * slowness / 100))
        echo "$slowness" >"$dir/slowness"
        budget_reserve "$special_boots" "$slowness"
        echo "$REPLY" >"$dir/reserve"
        note "$release is up after $((SECONDS - started)) s ($accelerator, slowness $slowness %)"
        ;;
      begin)
        report_set_end "$dir" "$name" "$priority"
        if ((EPOCHSECONDS >= start_until)); then
          outcome=stopped
          break
        fi
        running=$name why=()
        timeout=$((rest + CASE_END_TIMEOUT * slowness / 100))
        if [[ $dir == *+fast ]]; then timeout=$FAST_CLOCK_TIMEOUT; fi
        stat -c %s "$dir/console" >"$dir/console-offset"
        ;;
      '|') why+=("${line#| }") ;;
      end)
        read -r result seconds text <<<"$rest"
        running=''
        echo "$result $name" >>"$dir/results"
        if [[ $result == FAIL ]]; then
          why+=("--- console" "$(report_console "$dir")")
        else
          why=()
        fi
        report_case "$result" "$release" "$name" "$seconds" "$text" ${why[@]+"${why[@]}"}
        why=()
        ;;
      done) outcome=finished; break ;;
      broken) outcome=broken; break ;;
      gone) break ;;
    esac
  done
  exec 4<&-
  case $outcome in
    gone | broken)
      why+=("--- console" "$(report_console "$dir")" "$(tail -n 5 "$dir/qemu.log")")
      report_aborted "$release" "$dir" "$running" "${why[@]}"
      ;;
    stopped) if [[ -n $running ]]; then report_stopped "$release" "$dir" "$running" 'stopped: out of time'; fi ;;
  esac
}

# Sets `start_until` and `stop_at` for the case NAME of a boot; without NAME, for booting.
report_set_end() {
  local dir=$1 name=$2 priority=$3 reserve=0
  if [[ $priority == final ]] || order_is_core "${name:-$(report_next "$dir")}"; then
    budget_end "$FINAL_GRACE"
    start_until=$REPLY stop_at=$REPLY
  else
    if [[ -e $dir/reserve ]]; then reserve=$(<"$dir/reserve"); fi
    budget_end "-$reserve"
    start_until=$REPLY
    budget_end "$((RUNNING_GRACE - reserve))"
    stop_at=$REPLY
  fi
}

# The first case of a boot.
report_next() { head -n 1 "$1/payload/cases.list" | cut -d' ' -f1; }

# The running case of a guest that is gone has failed. So has the first one of a guest in which none could run; without it, the same
# boot could not make progress when it is repeated.
report_aborted() {
  local release=$1 dir=$2 name=$3 text='the guest exited or hung here'
  shift 3
  if [[ -z $name && ! -e $dir/slowness ]]; then
    printf '%s\n' "$release did not come up:" "$@" | sed 's/^/      /' | flock "$work" cat
    return
  fi
  name=${name:-$(report_unfinished "$dir" | head -n 1)}
  if [[ -z $name ]]; then return; fi
  echo "FAIL $name" >>"$dir/results"
  report_case FAIL "$release" "$name" 0 "$text" "$@"
}

# The cases of a boot that have no result, in their order.
report_unfinished() {
  local dir=$1 name timeout
  while read -r name timeout; do
    grep -q " $name\$" "$dir/results" || echo "$name"
  done <"$dir/payload/cases.list"
}

# A case for which there was no time: a failure if it belongs to the core.
report_stopped() {
  local release=$1 dir=$2 name=$3 text=$4
  if order_is_core "$name"; then
    echo "FAIL $name" >>"$dir/results"
    report_case FAIL "$release" "$name" 0 "$text (a core case must run)"
  else
    echo "left $name" >>"$dir/results"
    echo "$release $name" >>"$work/left"
  fi
}

# The rest of a boot that will not be repeated: out of time, or failed because the guest does not run.
report_rest() {
  local release=$1 dir=$2 name
  while read -r name; do
    if [[ $outcome == stopped ]]; then
      report_stopped "$release" "$dir" "$name" 'not started: out of time'
    else
      echo "FAIL $name" >>"$dir/results"
      report_case FAIL "$release" "$name" 0 'the guest did not run'
    fi
  done < <(report_unfinished "$dir")
}

# The last lines of the console since the running case began.
report_console() {
  local dir=$1 offset=0
  if [[ -e $dir/console-offset ]]; then offset=$(<"$dir/console-offset"); fi
  tail -c "+$((offset + 1))" "$dir/console" | tr -d '\000\r' | tail -n "$CONSOLE_LINES"
}

# One line for a case, its explanation below. Printed as a whole, because guests run in parallel.
report_case() {
  local result=$1 release=$2 name=$3 seconds=$4 text=$5
  shift 5
  {
    printf '%-4s  %-8s  %s (%s s)' "$result" "$release" "$name" "$seconds"
    if [[ -n $text ]]; then printf '  %s' "$text"; fi
    printf '\n'
    if (($#)); then printf '%s\n' "$@" | sed 's/^/      /'; fi
  } | flock "$work" cat
  if [[ $result == FAIL ]]; then echo "failed: $release $name: $text" >>"$work/failed"; fi
}

# The names of failed cases in results files.
report_failed() { cat "$@" | sed -n 's/^FAIL //p'; }

# Replaces a failure in the first of two boots by the second boot's success, and lists it as flaky instead of failed.
report_second() {
  local first=$1 second=$2 result name release
  release=${first##*/}
  release=${release%%-*}
  while read -r result name; do
    if [[ $result == ok ]]; then
      sed -i "s/^FAIL $name\$/ok $name/" "$first/results"
      sed -i "s/^failed: \($release $name: \)/flaky: \1/" "$work/failed"
    fi
  done <"$second/results"
  rm "$second/results"
}

# Lists the failures and the cases that were left out, then prints the closing line. Succeeds if a case passed and none failed.
report_total() {
  local passed failed skipped release
  passed=$(cat "$work"/*/results | grep -c '^ok ')
  failed=$(cat "$work"/*/results | grep -c '^FAIL ')
  skipped=$(cat "$work"/*/results | grep -c -e '^skip ' -e '^left ')
  if [[ -e $work/left ]]; then
    for release in "${option_releases[@]}"; do
      if grep -q "^$release " "$work/left"; then
        echo "left out for lack of time: $release $(sed -n "s/^$release //p" "$work/left" | paste -sd' ')"
      fi
    done
  fi
  if [[ -e $work/failed ]]; then cat "$work/failed"; fi
  echo "$passed passed, $failed failed, $skipped skipped"
  ((passed > 0 && failed == 0))
}
