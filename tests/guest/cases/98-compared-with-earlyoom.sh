# The guard stops leaks not much later than Debian's earlyoom; figures for the time and the memory beyond the threshold.
# guest: memory=2G releases=trixie
# timeout: 600

repeat=${CASE_REPEAT:-1}
ooms=$(oom_kills)
# Idle memory that neither of them selects, so that a leak is short. Not huge pages: they do not count in earlyoom's percentage.
choom --adjust -1000 -- hog --until $((($(room) - (600 << 20)) >> 20))M &
start_agent alpha
wait_until 60 room -lt $((620 << 20))
shell=$(shell_of alpha) full=$(room)

# Only one of them runs at a time.
ours() { systemctl stop earlyoom.service; systemctl start claude-watchdog.service; }
theirs() { systemctl stop claude-watchdog.service; earlyoom "$@"; }

# leak RATE PERCENT: `measured` beyond PERCENT of memory.
leak() {
  local rate=()
  if [[ $1 != all ]]; then rate=(--rate "$1"); fi
  rm -f /dev/shm/leak.trace*
  # The memory of the last leak is free again, and for a second, since both compute rates.
  wait_until 60 room -gt $((full - (40 << 20)))
  sleep 1
  type_in alpha "tool hog --measure /dev/shm/leak.trace ${rate[*]} --until 3G"
  measured /dev/shm/leak.trace left "$(share "$2")"
}

# compare RATE
compare() {
  local tool percent round last beyond gone ending
  for tool in ours theirs default; do
    percent=4
    case $tool in
      ours) ours; wait_until 30 knows "$alpha" ;;
      theirs) theirs -m 4 -s 100 -r 3600 ;;
      default) theirs -r 3600; percent=10 ;;
    esac
    local lasts=() beyonds=() gones=() endings=()
    for ((round = 0; round < repeat; round++)); do
      read -r last beyond gone ending < <(leak "$1" $percent)
      lasts+=("$last") beyonds+=("$beyond") gones+=("$gone") endings+=("$ending")
    done
    figure "$1 $tool" "last $(median "${lasts[@]}")/$(worst "${lasts[@]}") ms \
beyond $(median "${beyonds[@]}")/$(worst "${beyonds[@]}") MiB gone $(median "${gones[@]}")/$(worst "${gones[@]}") ms ending $(median "${endings[@]}")/$(worst "${endings[@]}") ms"
    worst_beyond[$tool]=$(worst "${beyonds[@]}" "${worst_beyond[$tool]-0}")
  done
}
declare -A worst_beyond
rates=(64M all)
if ((repeat > 1)); then rates=(64M 256M all); fi
for rate in "${rates[@]}"; do compare "$rate"; done
ours
expect 'all others are alive' alive "$alpha_pid" "$shell"
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
expect 'the guard is not much further beyond than earlyoom' test "${worst_beyond[ours]}" -le $((worst_beyond[theirs] * 2 + 64))
