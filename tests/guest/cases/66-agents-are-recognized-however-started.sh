# An agent is recognized in place of a shell, by another name, through a link and in a pid namespace.
# guest: usual=bookworm
# timeout: 180

thresholds 900M 1500M
mkdir -p /tmp/case /opt/agents
program=$(program_of npm)
install -D /usr/local/bin/hog "$program"
ln -s /usr/local/bin/hog /tmp/case/claude
chmod -R a+rX /tmp/case

started() { # started TERMINAL COMMAND: the shell becomes an agent
  terminal "$1"
  shell=$(shell_of "$1")
  type_in "$1" "$2"
  wait_until 30 knows "claude-$shell"
}
started exec "exec $program --prompt"
started named "exec -a somebody $program --prompt"
started argument "exec -a claude /usr/local/bin/hog --prompt"
started link "exec /tmp/case/claude --prompt"
expect_is 'four' "$(health '[.agents[].rule] | join(" ")')" 'claude claude claude claude'

terminal namespace
type_in namespace "unshare --user --map-root-user --pid --fork --mount-proc $program --until 100M"
wait_until 30 agent_count -eq 5
inside=$(health '.agents[-1].pid')
expect_is 'it is the first process of a namespace' "$(awk '$1 == "NSpid:" { print $NF }' "/proc/$inside/status")" 1
expect_is 'and the user'"'"'s' "$(health '.agents[-1].uid')" 1000
expect_charge 'its memory counts' "claude-$inside" $((100 << 20))
figure namespace "$(mib "$charge")"
