# Fifty commands can be limited at once; figures for the time of one.
# guest: usual=trixie
# timeout: 300

begun=$EPOCHREALTIME
for _ in {1..50}; do as agent run-claude-limited 20M sleep 1000 2>>"$CASE/fifty" & done
scopes() { find /sys/fs/cgroup/agents.slice -maxdepth 1 -name 'agent-*.scope' 2>/dev/null | wc -l; }
wait_until 120 scopes -eq 50
wait_until 120 pgrep --exact --count sleep -u agent -eq 50
figure fifty "$(awk "BEGIN { printf \"%.1fs\", $EPOCHREALTIME - $begun }")"
expect_is 'without messages' "$(cat "$CASE/fifty")" ''
pkill --exact sleep -u agent
wait_until 30 scopes -eq 0

# From call to exec and exit, compared with systemd-run: in turn, the median of ten.
took() { # took NAME COMMAND…
  local begun=${EPOCHREALTIME/./} name=$1
  shift
  "$@"
  echo "$((${EPOCHREALTIME/./} - begun))" >>"$CASE/took-$name"
}
median_of() { mapfile -t took <"$CASE/took-$1"; echo "$(($(median "${took[@]}") / 1000))ms"; }
run-claude-limited 100M true
for _ in {1..10}; do
  took ours run-claude-limited 100M true
  took theirs systemd-run --quiet --scope -p MemoryMax=100M -p MemorySwapMax=0 true
done
figure ours "$(median_of ours)"
figure systemd-run "$(median_of theirs)"
