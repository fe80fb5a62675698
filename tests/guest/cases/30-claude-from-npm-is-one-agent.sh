# Claude Code as npm installs it, at its prompt, is one agent with its own process as root.
# guest: usual=trixie
# timeout: 300

terminal claude
type_in claude "$CLAUDE_ENVIRONMENT /opt/npm/claude/bin/claude"
program=/opt/npm/claude/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe
pid=$(await 60 running "$program")
wait_until 60 knows "claude-$pid"
wait_until 180 shows claude '❯'

expect 'it is alive' alive "$pid"
expect_is 'one agent' "$(health '[.agents[] | "\(.rule) \(.pid) \(.uid)"] | join(", ")')" "claude $pid 1000"
charge=$(charge_of "claude-$pid")
expect 'charged less than its resident set, which is mostly its program' test "$charge" -lt $(($(ps -o rss= -p "$pid") * 1024))
expect 'charged not less than its own memory' test "$charge" -gt $(($(anonymous "$pid") * 8 / 10))
expect_true_charge 'the charge' "claude-$pid" "$pid"
