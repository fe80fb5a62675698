# Leaks that are measured: `hog --measure FILE`, and a program that has to answer while they grow.

# measured FILE left|held BYTES: waits until the leak has ended, and prints what measure.py does: from the moment when
# less than BYTES were left, or more were held, milliseconds to its last allocation; MiB beyond at the worst (negative:
# ended before); milliseconds until it was gone; and those since its last allocation.
measured() {
  wait_for 90 "[[ -e $1.end ]]"
  python3 "$inside/measure.py" "$@"
}

# median NUMBER…
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# worst NUMBER…: the largest.
worst() { printf '%s\n' "$@" | sort -n | tail -n 1; }

# desktop: a program of another user that answers a question over a socket, and one that asks it ten times a second.
desktop() {
  as other python3 "$inside/desktop.py" answer /tmp/desktop.socket &
  wait_for 20 '[[ -S /tmp/desktop.socket ]]'
  as other python3 "$inside/desktop.py" ask /tmp/desktop.socket >"$CASE/desktop" &
  wait_for 20 "[[ -s $CASE/desktop ]]"
}

# desktop_worst: the longest answer since the last time, in ms. It must have answered all the while.
desktop_worst() {
  local answers
  mapfile -t answers <"$CASE/desktop"
  : >"$CASE/desktop"
  expect 'the desktop answers' wait_for 10 "[[ -s $CASE/desktop ]]"
  worst "${answers[@]}"
}
