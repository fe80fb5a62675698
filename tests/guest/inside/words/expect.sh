# Expectations, waits, figures and skips.

# expect DESCRIPTION COMMAND…: the case fails with DESCRIPTION unless COMMAND succeeds.
expect() {
  local what=$1
  shift
  "$@" || fail "$what ($*)"
}

# expect_not DESCRIPTION COMMAND…
expect_not() {
  local what=$1
  shift
  if "$@"; then fail "$what (not $*)"; fi
}

# expect_is DESCRIPTION ACTUAL WANTED
expect_is() { [[ $2 == "$3" ]] || fail "$1 (is \`$2\`, not \`$3\`)"; }

# expect_like DESCRIPTION ACTUAL REGEX
expect_like() { [[ $2 =~ $3 ]] || fail "$1 (\`$2\` is not like \`$3\`)"; }

# expect_code DESCRIPTION CODE COMMAND…
expect_code() {
  local what=$1 wanted=$2 code=0
  shift 2
  "$@" >"$CASE/command-output" 2>&1 || code=$?
  [[ $code == "$wanted" ]] || { cat "$CASE/command-output"; fail "$what (exit code $code, not $wanted, of $*)"; }
}

# wait_until SECONDS CONDITION…: until the condition holds; see `holds`. The seconds are those of the reference machine, and
# never a promise of the product. POLL_INTERVAL is the pause between two checks, 0.2 s by default.
wait_until() {
  local seconds deadline
  scaled "$1"
  seconds=$REPLY deadline=$((SECONDS + seconds))
  shift
  until holds "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waited $seconds s in vain for: $*${actual:+ (is \`$actual\`)}"
    sleep "${POLL_INTERVAL:-0.2}"
  done
}

# await SECONDS COMMAND…: waits until COMMAND succeeds and prints its output: `leak=$(await 30 leaks)`.
await() {
  local seconds deadline output
  scaled "$1"
  seconds=$REPLY deadline=$((SECONDS + seconds))
  shift
  until output=$("$@" 2>/dev/null); do
    ((SECONDS < deadline)) || fail "waited $seconds s in vain for: $*"
    sleep 0.2
  done
  echo "$output"
}

# holds_for SECONDS CONDITION…: the condition must hold all the time. The seconds are not scaled.
holds_for() {
  local deadline=$((SECONDS + $1))
  shift
  while ((SECONDS < deadline)); do
    holds "$@" >/dev/null 2>&1 || fail "did not hold: $*${actual:+ (is \`$actual\`)}"
    sleep 0.5
  done
}

# holds COMMAND…: COMMAND succeeds.
# holds COMMAND… OPERATOR VALUE: what COMMAND prints compares so, whatever its exit code. Text: `==`, `!=`, `=~` (a regular
# expression). Whole numbers: -eq -ne -lt -le -gt -ge; output that is no number satisfies none of these.
holds() {
  local operator='' value=${*: -1}
  actual=''
  if (($# > 2)) && [[ $1 != test ]]; then operator=${*: -2:1}; fi
  case $operator in
    == | != | =~) actual=$("${@:1:$#-2}") || true ;;
    -eq | -ne | -lt | -le | -gt | -ge)
      actual=$("${@:1:$#-2}") || true
      [[ $actual =~ ^-?[0-9]+$ && $value =~ ^-?[0-9]+$ ]] || return 1
      ;;
    *) "$@"; return ;;
  esac
  case $operator in
    ==) [[ $actual == "$value" ]] ;;
    !=) [[ $actual != "$value" ]] ;;
    =~) [[ $actual =~ $value ]] ;;
    *) test "$actual" "$operator" "$value" ;;
  esac
}

# not COMMAND…
not() { ! "$@"; }

# scaled SECONDS: how long this machine may take for SECONDS of the reference machine, in REPLY. A faster machine gets no
# less, since what is waited for may take real time.
scaled() {
  local percent=${SLOWNESS_PERCENT:-100}
  if ((percent < 100)); then percent=100; fi
  REPLY=$(($1 * percent / 100))
}

# fail REASON…: also from within $(…), which exits with it.
fail() {
  { set +x; said=yes; } 2>/dev/null
  echo "FAILED: $*" >&2
  exit 1
}

# skip REASON…: the case cannot run on this machine. In CI, which must provide everything, that is a failure (CASE_MAY_SKIP=no).
skip() {
  if [[ ${CASE_MAY_SKIP-} == no ]]; then fail "cannot run here: $*"; fi
  echo "$*" >"$CASE/skip"
  exit 77
}

# progress TEXT: informs the runner that a long case still runs, so that it does not give the guest up (lib/report.sh).
progress() { echo "progress $*" >/dev/ttyS1; }

# figure NAME VALUE: shown on the case's line.
figure() { echo "$1 $2" >>"$CASE/figures"; }

# lines_in FILE: how many lines it has.
lines_in() { wc -l <"$1"; }

# Whole MiB of a number of bytes, as a person reads them.
mib() { echo "$(($1 / 1048576))M"; }
