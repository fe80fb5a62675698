# Fifty limits at once, and how long one takes.
# guest: usual=trixie
# timeout: 300

begun=$EPOCHREALTIME
for _ in {1..50}; do as agent run-claude-limited 20M sleep 1000 2>>"$CASE/fifty" & done
wait_for 120 '(( $(ls -d /sys/fs/cgroup/agents.slice/agent-sleep-*.scope | wc -l) == 50 && $(pgrep --exact --count sleep -u agent) == 50 ))'
figure fifty "$(awk "BEGIN { printf \"%.1fs\", $EPOCHREALTIME - $begun }")"
expect_is 'none said anything' "$(cat "$CASE/fifty")" ''
pkill --exact sleep -u agent
wait_until 30 ! ls -d /sys/fs/cgroup/agents.slice/agent-*.scope

# From call to exec and back, against the tool that everybody has: one after the other, the middle of ten.
took() { # took NAME COMMAND…
  local begun=${EPOCHREALTIME/./} name=$1
  shift
  "$@"
  echo "$((${EPOCHREALTIME/./} - begun))" >>"$CASE/took-$name"
}
middle() { mapfile -t took <"$CASE/took-$1"; echo "$(($(median "${took[@]}") / 1000))ms"; }
run-claude-limited 100M true
for _ in {1..10}; do
  took ours run-claude-limited 100M true
  took theirs systemd-run --quiet --scope -p MemoryMax=100M -p MemorySwapMax=0 true
done
figure ours "$(middle ours)"
figure systemd-run "$(middle theirs)"
