# Leaks that are measured: `hog --measure FILE`, and a program that has to answer while they grow.

# measured FILE left|held BYTES: waits for the leak's exit and prints four numbers of measure.py. Counted from the moment
# when less than BYTES were left, or more were held: milliseconds to its last allocation; MiB beyond at the worst (negative:
# killed before); milliseconds to its exit; and milliseconds from its last allocation to its exit.
measured() {
  wait_until 90 test -e "$1.end"
  python3 "$inside/measure.py" "$@"
}

# median NUMBER…
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# worst NUMBER…: the largest.
worst() { printf '%s\n' "$@" | sort -n | tail -n 1; }

# desktop: a program of another user that answers requests over a socket, and one that sends ten a second.
desktop() {
  as other python3 "$inside/desktop.py" answer /tmp/desktop.socket &
  wait_until 20 test -S /tmp/desktop.socket
  as other python3 "$inside/desktop.py" ask /tmp/desktop.socket >"$CASE/desktop" &
  wait_until 20 test -s "$CASE/desktop"
}

# desktop_worst: the slowest answer since the last call, in ms. Fails if the desktop no longer answers.
desktop_worst() {
  local answers
  mapfile -t answers <"$CASE/desktop"
  : >"$CASE/desktop"
  expect 'the desktop answers' wait_until 10 test -s "$CASE/desktop"
  worst "${answers[@]}"
}
