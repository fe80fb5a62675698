# What must hold, what is measured, what is waited for.

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

# wait_for SECONDS 'SHELL COMMANDS': until they succeed. The time is patience, never a promise of the product.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  until eval "$what" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waited $1 s in vain for: $what"
    sleep 0.2
  done
}

# hold_for SECONDS 'SHELL COMMANDS': they must succeed all the time.
hold_for() {
  local deadline=$((SECONDS + $1)) what=$2
  while ((SECONDS < deadline)); do
    eval "$what" >/dev/null 2>&1 || fail "did not hold: $what"
    sleep 0.5
  done
}

# fail REASON…: also from within $(…), which ends with it.
fail() {
  { set +x; said=yes; } 2>/dev/null
  echo "FAILED: $*" >&2
  exit 1
}

skip() {
  echo "$*" >"$CASE/skip"
  exit 77
}

# figure NAME VALUE: shown on the case's line.
figure() { echo "$1 $2" >>"$CASE/figures"; }

# Whole MiB of a number of bytes, as a person reads them.
mib() { echo "$(($1 / 1048576))M"; }
