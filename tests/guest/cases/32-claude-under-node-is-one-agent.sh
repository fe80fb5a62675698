# Claude Code as a script under node that overwrites its command line is one agent.
# guest: usual=bookworm
# timeout: 300

terminal claude
type_in claude "$CLAUDE_ENVIRONMENT /opt/npm/claude-js/bin/claude"
wait_until 60 pgrep --uid agent --full '^(node .*)?claude'
wait_until 150 shows claude '❯'
pid=$(pgrep --uid agent --oldest --full '^(node .*)?claude')
expect_is 'run by node' "$(basename "$(readlink "/proc/$pid/exe")")" node
wait_until 60 knows "claude-$pid"
expect_is 'one agent' "$(health '[.agents[] | "\(.rule) \(.pid)"] | join(", ")')" "claude $pid"
figure arguments "$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-40)"
figure charge "$(mib "$(charge_of "claude-$pid")")"
