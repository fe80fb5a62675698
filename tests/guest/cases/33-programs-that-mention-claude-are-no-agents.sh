# Programs with command lines or files that merely mention Claude are no agents.
# guest: usual=trixie
# timeout: 150

mkdir -p /tmp/case/claude-x /tmp/case/.claude
echo 'setInterval(() => {}, 1000)' >/tmp/case/claude-x/server.js
echo 'import time; time.sleep(1000)' >/tmp/case/claude_helper.py
echo text | tee /tmp/case/.claude/x >/tmp/case/claude.md
chmod -R a+rX /tmp/case
impostors=(
  'node /tmp/case/claude-x/server.js'
  "bash -c 'sleep 1000; true .claude/shell-snapshots/snapshot-bash-1.sh'"
  'grep claude <(sleep 1000)'
  'less /tmp/case/.claude/x'
  'tail -f /tmp/case/claude.md'
  'python3 /tmp/case/claude_helper.py'
  'node -e "setInterval(() => {}, 1000)" claude'
)
for number in "${!impostors[@]}"; do
  terminal "impostor$number"
  type_in "impostor$number" "${impostors[number]}"
done
start_agent alpha
for text in claude-x/server.js shell-snapshots 'grep claude' .claude/x claude.md claude_helper 'node -e'; do
  wait_until 20 pgrep --uid agent --full -- "$text"
done

# A process that matches no rule is inspected again in its first ten seconds.
holds_for 12 agent_count -eq 1
expect_is 'only the stand-in' "$(health '.agents[0].id')" "$alpha"
expect_is 'only one was ever found' "$(count found)" 1
