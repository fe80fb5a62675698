# What a machine does not give is said once, with what that costs; agents are watched and ended all the same.
# guest: usual=trixie
# timeout: 240

restart_service
wait_until 20 service_is_active
expect_is 'to the shipped service nothing is missing' "$(events | jq -r .MESSAGE | grep -c '^no ')" 0
expect_is 'nor is that noted' "$(health '.notes[]' | grep -c '^no ')" 0
systemctl stop claude-watchdog.service
afterwards 'systemctl start claude-watchdog.service'
expect_is 'root has all to look for itself, too' "$(health '.notes[]' | grep -c '^no root')" 0
as agent vm-health-check --json >"$CASE/alone.json" || true
expect_is 'who is not root is told' "$(jq -r '.notes[]' "$CASE/alone.json" | grep -c '^no root: ')" 1

# said NAME LINE: how often the daemon of that name said what begins so.
said() { grep -cE "^ *(WARN|INFO) $2" "$CASE/$1.log" || true; }
lines_of_environment=(WATCHDOG_WARN_MB=200 WATCHDOG_KILL_MB=400)
leak='tool hog --rate 100M --until 700M; echo $? >code'

end() {
  kill "$1"
  wait "$1" || true
}

# A user's own, without the directory for its socket.
by_user() { # by_user NAME
  as agent env -u XDG_RUNTIME_DIR "${lines_of_environment[@]}" claude-watchdog daemon 2>"$CASE/$1.log" &
  by_user=$!
  wait_until 30 grep -q 'supervising your own agents' "$CASE/$1.log"
}
stand_in alpha
by_user own
rm -f /home/agent/work/code
type_in alpha "$leak"
wait_until 60 test -s /home/agent/work/code
expect_is 'the leak was asked to end' "$(cat /home/agent/work/code)" 143
expect 'the agent lives' alive "$(pid_of alpha)"
end "$by_user"
expect_is 'no root, said once' "$(said own 'no root: agents of other users')" 1
expect_is 'no socket, said once' "$(said own 'XDG_RUNTIME_DIR is not set')" 1
expect_is 'nothing else is missing' "$(said own 'no ')" 1

# The same where users see their own processes only.
afterwards 'mount -o remount,hidepid=0 /proc'
mount -o remount,hidepid=2 /proc
by_user hidden
rm -f /home/agent/work/code
type_in alpha "$leak"
wait_until 60 test -s /home/agent/work/code
expect_is 'asked to end there, too' "$(cat /home/agent/work/code)" 143
expect 'the agent still lives' alive "$(pid_of alpha)"
end "$by_user"
expect_is 'no sight, said once' "$(said hidden "no sight of other users' processes .*hidepid=(2|invisible)")" 1
expect_is 'and no root' "$(said hidden 'no ')" 2
mount -o remount,hidepid=0 /proc

# In a pid namespace with a /proc of its own: its agent is found, and only what is in there is hit.
path=$(program_of beta)
install -D /usr/local/bin/hog "$path"
socket=$CASE/socket
unshare --pid --mount --fork --mount-proc env -u JOURNAL_STREAM "${lines_of_environment[@]}" \
  sh -c '"$1" --do "tool hog --rate 50M --until 700M" --do "tool sleep 1000" & claude-watchdog daemon --socket "$2" & wait' \
  sh "$path" "$socket" 2>"$CASE/inside.log" &
inside=$!
inner() { vm-health-check --socket "$socket" --json | jq -r "$1"; }
wait_until 30 test -S "$socket"
wait_until 60 inner ".actions[0].signals[0]" == TERM
wait_until 30 not leaks
expect_is 'the agent in there lives' "$(inner '.agents[].rule')" claude
expect 'so does the one outside' alive "$(pid_of alpha)"
expect_is 'which is not seen' "$(inner '.agents | length')" 1
expect_is 'that is noted' "$(inner '.notes[]' | grep -c '^no view out of this pid namespace')" 1
expect_is 'and said once' "$(said inside 'no view out of this pid namespace')" 1
expect_is 'nothing else' "$(said inside 'no ')" 1
pkill --parent "$inside" --signal KILL || kill -KILL "$inside"
wait "$inside" || true

# With the /proc of another namespace signals would hit strangers.
expect_code 'refused' 1 timeout 20 unshare --pid --fork claude-watchdog daemon --socket "$socket"
expect 'with what to do' grep -q 'not that of our pid namespace.*unshare --mount-proc' "$CASE/command-output"
