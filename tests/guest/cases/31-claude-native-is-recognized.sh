# Claude Code as its own installer places it is recognized, through the link and as the file named by its version.
# guest: usual=trixie
# timeout: 300

program=/home/agent/.local/share/claude/versions/2.1.197
terminal linked
type_in linked "$CLAUDE_ENVIRONMENT claude"
linked=$(await 60 running "$program")
wait_until 90 knows "claude-$linked"

terminal versioned
type_in versioned "$CLAUDE_ENVIRONMENT $program"
wait_until 60 agent_count -eq 2
expect_is 'both by the same rule' "$(health '[.agents[].rule] | unique | join(" ")')" claude
versioned=$(health "[.agents[].pid] - [$linked] | .[0]")
expect_is 'the second is the versioned file' "$(readlink "/proc/$versioned/exe")" "$program"
