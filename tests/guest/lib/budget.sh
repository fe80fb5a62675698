# How long the cases may take. Without --deadline there is no limit.
#
#   deadline                        no further case starts, apart from the core
#   deadline + RUNNING_GRACE        a case that still runs is stopped and counts as left out
#   deadline + LAST_START           no failed case is repeated any more
#   deadline + FINAL_GRACE          the core and repeated cases are stopped, and have failed

readonly RUNNING_GRACE=300 LAST_START=420 FINAL_GRACE=780

# From power-on to `ready` on the reference machine; a guest that cannot start a case in time is not booted.
readonly BOOT_SECONDS=45

# Larger guests run alone, after the ordinary ones, which leave them this many seconds of the reference machine, scaled, but never
# more than a third of the time that is left when they start.
readonly SPECIAL_BOOT_RESERVE=150

# Stands for "no limit" in comparisons of seconds since the epoch.
readonly NEVER=99999999999

# budget_end SECONDS: that many seconds after the deadline, as seconds since the epoch, in REPLY.
budget_end() {
  REPLY=$NEVER
  if [[ -n $option_deadline ]]; then REPLY=$((option_deadline + $1)); fi
}

# Whether SECONDS after the deadline have passed.
budget_is_over() {
  budget_end "$1"
  ((EPOCHSECONDS >= REPLY))
}

# budget_reserve BOOTS PERCENT: how many seconds before the deadline ordinary guests stop, for BOOTS larger guests, in REPLY.
budget_reserve() {
  local left
  REPLY=0
  if [[ -z $option_deadline ]]; then return; fi
  left=$((option_deadline - EPOCHSECONDS))
  REPLY=$(($1 * SPECIAL_BOOT_RESERVE * $2 / 100))
  if ((REPLY > left / 3)); then REPLY=$((left / 3)); fi
  if ((REPLY < 0)); then REPLY=0; fi
}

# Whether a guest that is booted now would be ready before the deadline, by the slowness of earlier guests.
budget_has_time_to_boot() {
  local slowness
  slowness=$(cat "$work"/*/slowness 2>/dev/null | sort -n | tail -n 1)
  ! budget_is_over "-$((BOOT_SECONDS * ${slowness:-100} / 100))"
}
