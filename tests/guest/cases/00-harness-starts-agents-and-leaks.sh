# The harness itself: two users with a bus, a stand-in agent in a terminal that obeys, a leak that takes memory.

for user in agent other; do
  wait_until 30 as "$user" systemctl --user is-system-running
done

start_agent alpha
type_in alpha 'tool hog --until 100M; echo $? >code; sleep 1000'
leak=$(await 30 leaks)
wait_until 30 anonymous "$leak" -ge $((100 << 20))
expect_is 'the leak is below a shell of the agent' "$(parent "$(parent "$leak")")" "$alpha_pid"
expect_not 'the shell tool has a session of its own' test "$(session_of "$leak")" = "$(session_of "$alpha_pid")"

kill -TERM "$leak"
wait_until 30 gone "$leak"
wait_until 30 test -s /home/agent/work/code
expect_is 'the shell sees the signal that killed its command' "$(cat /home/agent/work/code)" 143
expect 'agent, shell and tmux are alive' alive "$alpha_pid" "$(shell_of alpha)" "$(tmux_of alpha)"
expect_is 'no OOM kill by the kernel' "$(oom_kills)" 0
figure tmux "$(tmux -V | cut -d' ' -f2)"
figure systemd "$(systemctl --version | awk 'NR == 1 { print $2 }')"
