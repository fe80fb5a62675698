# Follows what the runner in a guest reports, and says it to a person. The report has a word a line:
#   ready                          the guest is up and the package installed
#   begin NAME TIMEOUT             a case starts
#   | TEXT                         a line that explains the result that follows
#   end NAME ok|FAIL|skip SECONDS TEXT
#   broken                         nothing can be run; the explanation precedes it
#   done                           every case was run

# Seconds from power-on to `ready`, and from a case's timeout to the runner's own verdict.
readonly BOOT_PATIENCE=240
readonly CASE_PATIENCE=90
# With a fast clock a case's timeout is its guest's time, and the machine gives it what others leave.
readonly FAST_PATIENCE=1500
readonly CONSOLE_LINES=15

# Follows the boot in DIRECTORY to its end, says every result, and leaves `RESULT NAME` lines in DIRECTORY/results.
report_follow() {
  local release=$1 dir=$2 line word name rest patience=$BOOT_PATIENCE finished='' running='' why=()
  local result seconds text started=$SECONDS
  : >"$dir/results"
  if [[ $dir == *+fast ]]; then patience=$FAST_PATIENCE; fi
  exec 4< <(tail -n +1 -s 0.2 -f --pid="$(<"$dir/pid")" "$dir/report" 2>/dev/null)
  while IFS= read -r -t "$patience" line <&4; do
    read -r word name rest <<<"$line"
    case $word in
      ready)
        patience=$CASE_PATIENCE
        note "$release is up after $((SECONDS - started)) s ($accelerator)"
        ;;
      begin)
        running=$name why=()
        patience=$((rest + CASE_PATIENCE))
        if [[ $dir == *+fast ]]; then patience=$FAST_PATIENCE; fi
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
      done) finished=yes; break ;;
      broken) break ;;
    esac
  done
  exec 4<&-
  [[ -n $finished ]] || report_unfinished "$release" "$dir" "$running" ${why[@]+"${why[@]}"}
}

# The cases of a boot that ended early count as failed; the first of them says why.
report_unfinished() {
  local release=$1 dir=$2 running=$3 name timeout why
  shift 3
  why=("$@" "--- console" "$(report_console "$dir")" "$(tail -n 5 "$dir/qemu.log")")
  while read -r name timeout; do
    grep -q " $name\$" "$dir/results" && continue
    echo "FAIL $name" >>"$dir/results"
    if [[ -z $running || $name == "$running" ]]; then
      report_case FAIL "$release" "$name" 0 "the guest ended here, or hung for more than $timeout s" "${why[@]}"
      running=-
    else
      report_case FAIL "$release" "$name" 0 'the guest was gone before'
    fi
  done <"$dir/payload/cases.list"
}

# What the console said since the running case began.
report_console() {
  local dir=$1 offset=0
  if [[ -e $dir/console-offset ]]; then offset=$(<"$dir/console-offset"); fi
  tail -c "+$((offset + 1))" "$dir/console" | tr -d '\000\r' | tail -n "$CONSOLE_LINES"
}

# One line for a case, its explanation below. Printed at once, because two guests may speak at a time.
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

# The names that failed by these results.
report_failed() { cat "$@" | sed -n 's/^FAIL //p'; }

# Puts what passed in the second of two boots in the place of its failure in the first; keeps the failure by another name.
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

# What failed and why, for whoever sees the end of a log only, and the closing line; succeeds when something passed and nothing failed.
report_total() {
  local passed failed skipped
  passed=$(cat "$work"/*/results | grep -c '^ok ')
  failed=$(cat "$work"/*/results | grep -c '^FAIL ')
  skipped=$(cat "$work"/*/results | grep -c '^skip ')
  if [[ -e $work/failed ]]; then cat "$work/failed"; fi
  if ((skipped)); then
    echo "$passed passed, $failed failed, $skipped skipped"
  else
    echo "$passed passed, $failed failed"
  fi
  ((passed > 0 && failed == 0))
}
