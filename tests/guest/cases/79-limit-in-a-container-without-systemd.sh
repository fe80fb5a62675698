# Without systemd, as in a container, a build with the feature `standalone` sets a limit in the cgroup tree itself; if that is
# read-only, nothing is run. The package, which requires systemd, names the feature.
# guest: usual=trixie

[[ -x $payload/standalone ]] || skip 'no build with the feature `standalone` in the payload (--standalone FILE)'
mkdir -p /tmp/case/bin
for name in claude-watchdog run-claude-limited vm-health-check; do ln -s "$payload/standalone" "/tmp/case/bin/$name"; done

# A container: a cgroup as its root, a pid and a mount namespace, no /run.
mkdir -p /tmp/case/box
cat >/tmp/case/outside <<'END'
cd "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
mkdir outside box
echo $$ >outside/cgroup.procs
echo +memory >cgroup.subtree_control
(echo $BASHPID >box/cgroup.procs; exec unshare --cgroup --mount --pid --fork --mount-proc bash /tmp/case/inside) &
for _ in {1..100}; do [[ -e /tmp/case/box/begun ]] && break; sleep 0.1; done
# The process that made the namespaces does not belong to the container.
echo $! >outside/cgroup.procs
touch /tmp/case/box/alone
wait $!
END
cat >/tmp/case/inside <<'END'
mount -t tmpfs none /run
PATH=/tmp/case/bin:$PATH
cd /tmp/case/box || exit
touch begun
for _ in {1..100}; do [[ -e alone ]] && break; sleep 0.1; done
code() { local code=0; "$@" >>messages 2>&1 || code=$?; echo "$code"; }
limited() { run-claude-limited --swap 0 "$@"; }
where='cat /proc/self/cgroup; cd /sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup); cat memory.max memory.oom.group'

# With the machine's view of the tree, in which paths mean other cgroups, it must fail.
code limited 100M touch was-run >other-view
umount --lazy /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup

# Read-only, too.
mount -o remount,bind,ro /sys/fs/cgroup
code limited 100M touch was-run >read-only
mount -o remount,bind,rw /sys/fs/cgroup

# The package.
code /usr/bin/run-claude-limited 100M touch was-run >package

limited 100M sh -c "$where" >first 2>&1
cat /sys/fs/cgroup/cgroup.procs >left-in-the-root
limited 100M sh -c "run-claude-limited 50M sh -c '$where'" >tighter 2>&1
limited 100M sh -c "run-claude-limited 1G sh -c '$where'" >wider 2>&1
limited 100M sh -c 'hog --until 300M; echo $?' >oom 2>&1
limited 100M true
ls -d /sys/fs/cgroup/agents.slice/agent-* >kept
cat /sys/fs/cgroup/agents.slice/memory.max >cap

# A daemon in the container sets limits, too, and reports them.
env -u JOURNAL_STREAM claude-watchdog daemon --socket "$PWD/socket" --state-dir "$PWD/state" 2>daemon &
daemon=$!
for _ in {1..100}; do [[ -S socket ]] && break; sleep 0.1; done
run-claude-limited --socket "$PWD/socket" --swap 0 --name mine 100M sleep 1000 2>>messages &
sleeper=$!
for _ in {1..50}; do
  vm-health-check --socket "$PWD/socket" --json | jq -r '.agents[] | "\(.rule) \(.scope) \(.limit)"' >seen
  grep -q agent-mine seen && break
  sleep 0.2
done
echo "$sleeper" >sleeper
kill "$sleeper" "$daemon"
touch ended
END
in_a_unit() { systemd-run --quiet --wait --collect --property=Delegate=yes --property=Type=exec bash /tmp/case/outside; }
expect 'the container succeeds' in_a_unit
cd /tmp/case/box || exit
expect 'and completes' test -e ended

expect_is 'not in the view of another namespace' "$(<other-view)" 125
expect 'with a message' grep -q 'the cgroup of the process is not visible' messages
expect_is 'not in a read-only tree' "$(<read-only)" 125
expect_not 'nothing is run' test -e was-run
expect 'with a remedy' grep -q 'cgroups can only be read; start the container with' messages
expect_is 'not with the package' "$(<package)" 125
expect 'which names the feature' grep -q standalone messages

hundred=$((100 << 20))
mapfile -t first <first
expect_like 'in a cgroup of its own' "${first[0]}" '^0::/agents.slice/agent-sh-[0-9]+\.scope$'
expect_is 'with its limit' "${first[1]} ${first[2]}" "$hundred 0"
expect_is 'the other processes were moved aside' "$(<left-in-the-root)" ''
expect_is 'a nested limit is tighter' "$(sed -n 3p tighter)" $((50 << 20))
expect_is 'never wider' "$(sed -n 3p wider)" "$hundred"
expect_like 'in the same cgroup' "$(sed -n 2p wider)" '^0::/agents.slice/agent-sh-'
expect_is 'a child is killed at the limit and its parent is not' "$(tail -n 1 oom)" 137
expect_is 'old cgroups are removed except the last' "$(wc -l <kept)" 1
expect 'all together have 85 %' near "$(<cap)" "$(share 85)" 1

expect_is 'by a daemon, too' "$(<seen)" "limited agent-mine-$(<sleeper).scope $hundred"
