# Without systemd and a bus a limit is made in the cgroup tree itself, as in a container; where that can only be read
# nothing is run.
# guest: usual=trixie

# A container with a part of the tree for itself: a cgroup that is its root, pids and mounts of its own, no /run.
mkdir -p /tmp/case/box
cat >/tmp/case/outside <<'END'
cd "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
mkdir outside box
echo $$ >outside/cgroup.procs
echo +memory >cgroup.subtree_control
(echo $BASHPID >box/cgroup.procs; exec unshare --cgroup --mount --pid --fork --mount-proc bash /tmp/case/inside) &
for _ in {1..100}; do [[ -e /tmp/case/box/begun ]] && break; sleep 0.1; done
# What made the namespaces is none of the container's.
echo $! >outside/cgroup.procs
touch /tmp/case/box/alone
wait $!
END
cat >/tmp/case/inside <<'END'
mount -t tmpfs none /run
cd /tmp/case/box || exit
touch begun
for _ in {1..100}; do [[ -e alone ]] && break; sleep 0.1; done
code() { local code=0; "$@" >>said 2>&1 || code=$?; echo "$code"; }
limited() { run-claude-limited --swap 0 "$@"; }
where='cat /proc/self/cgroup; cd /sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup); cat memory.max memory.oom.group'

# The machine's view of the tree, where our place is somebody else's: not here.
code limited 100M touch was-run >other-view
umount --lazy /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup

# Read-only: nor here.
mount -o remount,bind,ro /sys/fs/cgroup
code limited 100M touch was-run >read-only
mount -o remount,bind,rw /sys/fs/cgroup

limited 100M sh -c "$where" >first 2>&1
cat /sys/fs/cgroup/cgroup.procs >left-in-the-root
limited 100M sh -c "run-claude-limited 50M sh -c '$where'" >tighter 2>&1
limited 100M sh -c "run-claude-limited 1G sh -c '$where'" >wider 2>&1
limited 100M sh -c 'hog --until 300M; echo $?' >oom 2>&1
limited 100M true
ls -d /sys/fs/cgroup/agents.slice/agent-* >kept
cat /sys/fs/cgroup/agents.slice/memory.max >cap

# A supervisor in there gives them, too, and sees them.
env -u JOURNAL_STREAM claude-watchdog daemon --socket "$PWD/socket" --state-dir "$PWD/state" 2>daemon &
supervisor=$!
for _ in {1..100}; do [[ -S socket ]] && break; sleep 0.1; done
run-claude-limited --socket "$PWD/socket" --swap 0 --name mine 100M sleep 1000 2>>said &
sleeper=$!
for _ in {1..50}; do
  vm-health-check --socket "$PWD/socket" --json | jq -r '.agents[] | "\(.rule) \(.scope) \(.limit)"' >seen
  grep -q agent-mine seen && break
  sleep 0.2
done
echo "$sleeper" >sleeper
kill "$sleeper" "$supervisor"
touch ended
END
in_a_unit() { systemd-run --quiet --wait --collect --property=Delegate=yes --property=Type=exec bash /tmp/case/outside; }
expect 'it runs through' in_a_unit
cd /tmp/case/box || exit
expect 'to its end' test -e ended

expect_is 'in the view of another' "$(<other-view)" 125
expect 'which is said' grep -q 'in no cgroup that is seen from here' said
expect_is 'where it can only be read' "$(<read-only)" 125
expect_not 'nothing is run' test -e was-run
expect 'and what to do is said' grep -q 'cgroups can only be read; have the container started with' said

hundred=$((100 << 20))
mapfile -t first <first
expect_like 'in a cgroup of its own' "${first[0]}" '^0::/agents.slice/agent-sh-[0-9]+\.scope$'
expect_is 'with its limit' "${first[1]} ${first[2]}" "$hundred 0"
expect_is 'the others went aside' "$(<left-in-the-root)" ''
expect_is 'inside of one it is tighter' "$(sed -n 3p tighter)" $((50 << 20))
expect_is 'never wider' "$(sed -n 3p wider)" "$hundred"
expect_like 'where it was' "$(sed -n 2p wider)" '^0::/agents.slice/agent-sh-'
expect_is 'a child ends at the wall and its parent does not' "$(tail -n 1 oom)" 137
expect_is 'what has ended is swept, but for the last' "$(wc -l <kept)" 1
expect 'all together have 85 %' near "$(<cap)" "$(share 85)" 1

expect_is 'by a supervisor, too' "$(<seen)" "limited agent-mine-$(<sleeper).scope $hundred"
