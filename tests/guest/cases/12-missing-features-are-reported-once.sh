# A missing platform feature is logged once, with its effect; agents are supervised and leaks killed nevertheless.
# guest: usual=trixie
# timeout: 240

# A word of each message about a missing feature; those about root and about /proc with hidepid name the other users.
readonly OTHERS='other users' NAMESPACE='pid namespace'
readonly FEATURES='cgroup v2|memory controller|PSI|pidfd|systemd|meminfo|container'
about() { grep -cE "$1" || true; }

restart_service
wait_until 20 service_is_active
expect_is 'the shipped service misses nothing' "$(events | jq -r .MESSAGE | about "$OTHERS|$NAMESPACE|$FEATURES")" 0
expect_is 'and has no notes about that' "$(health '.notes[]' | about "$OTHERS|$NAMESPACE|$FEATURES")" 0
systemctl stop claude-watchdog.service
afterwards 'systemctl start claude-watchdog.service'
expect_is 'nor has root without a service' "$(health '.notes[]' | about "$OTHERS")" 0
as agent vm-health-check --json >"$CASE/alone.json" || true
expect_is 'another user is informed' "$(jq -r '.notes[]' "$CASE/alone.json" | about "$OTHERS")" 1

# messages NAME REGEX: how many log messages of the daemon NAME match.
messages() { about "^ *(WARN|INFO) .*($2)" <"$CASE/$1.log"; }
thresholds_of_environment=(WATCHDOG_WARN_MB=200 WATCHDOG_KILL_MB=400)
leak='tool hog --rate 100M --until 700M; echo $? >code'

stop_daemon() {
  kill "$1"
  wait "$1" || true
}

# A user's own daemon, without the directory for its socket.
by_user() { # by_user NAME
  as agent env -u XDG_RUNTIME_DIR "${thresholds_of_environment[@]}" claude-watchdog daemon 2>"$CASE/$1.log" &
  by_user=$!
  wait_until 30 grep -qi 'supervising' "$CASE/$1.log"
}
stand_in alpha
by_user own
rm -f /home/agent/work/code
type_in alpha "$leak"
wait_until 60 test -s /home/agent/work/code
expect_is 'own daemon: the leak got SIGTERM' "$(cat /home/agent/work/code)" 143
expect 'own daemon: the agent is alive' alive "$(pid_of alpha)"
stop_daemon "$by_user"
expect_is 'own daemon: no root, logged once' "$(messages own "$OTHERS")" 1
expect_is 'own daemon: no socket, logged once' "$(messages own XDG_RUNTIME_DIR)" 1
expect_is 'own daemon: nothing else is missing' "$(messages own "$NAMESPACE|$FEATURES")" 0

# The same where users see their own processes only.
afterwards 'mount -o remount,hidepid=0 /proc'
mount -o remount,hidepid=2 /proc
by_user hidden
rm -f /home/agent/work/code
type_in alpha "$leak"
wait_until 60 test -s /home/agent/work/code
expect_is 'hidepid: the leak got SIGTERM' "$(cat /home/agent/work/code)" 143
expect 'hidepid: the agent is alive' alive "$(pid_of alpha)"
stop_daemon "$by_user"
expect_is 'hidepid: logged once' "$(messages hidden 'hidepid=(2|invisible)')" 1
expect_is 'hidepid: that and no root' "$(messages hidden "$OTHERS")" 2
expect_is 'hidepid: nothing else is missing' "$(messages hidden "$NAMESPACE|$FEATURES")" 0
mount -o remount,hidepid=0 /proc

# In a pid namespace with a /proc of its own only processes inside are found and killed.
path=$(program_of beta)
install -D /usr/local/bin/hog "$path"
socket=$CASE/socket
unshare --pid --mount --fork --mount-proc env -u JOURNAL_STREAM "${thresholds_of_environment[@]}" \
  sh -c '"$1" --do "tool hog --rate 50M --until 700M" --do "tool sleep 1000" & claude-watchdog daemon --socket "$2" & wait' \
  sh "$path" "$socket" 2>"$CASE/inside.log" &
namespace=$!
inner() { vm-health-check --socket "$socket" --json | jq -r "$1"; }
wait_until 30 test -S "$socket"
wait_until 60 inner '.actions[0].signals[0]' == TERM
wait_until 30 not leaks
expect_is 'namespace: its agent is alive' "$(inner '.agents[].rule')" claude
expect 'namespace: the agent outside is alive' alive "$(pid_of alpha)"
expect_is 'namespace: the agent outside is not visible' "$(inner '.agents | length')" 1
expect_is 'namespace: that is noted' "$(inner '.notes[]' | about "$NAMESPACE")" 1
expect_is 'namespace: and logged once' "$(messages inside "$NAMESPACE")" 1
expect_is 'namespace: nothing else is missing' "$(messages inside "$OTHERS|$FEATURES")" 0
pkill --parent "$namespace" --signal KILL || kill -KILL "$namespace"
wait "$namespace" || true

# With the /proc of another pid namespace signals would reach other processes.
expect_code 'a foreign /proc is refused' 1 timeout 20 unshare --pid --fork claude-watchdog daemon --socket "$socket"
expect 'with a remedy' grep -q 'unshare --mount-proc' "$CASE/command-output"
