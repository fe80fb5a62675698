# A leak under a limit that is quicker than any tick is held at its brake, and gets a TERM instead of the kernel's KILL;
# nobody stays held: not who is told to end, not who is innocent, not with nobody to watch.
# timeout: 240

chmod 777 "$CASE"
# Its handler needs memory; 7 is its own code.
cat >"$CASE/leak.py" <<'END'
import mmap, signal, sys
def take(mib):
    memory = mmap.mmap(-1, mib << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(0, mib << 20, 4096):
        memory[page] = 1
    return memory
def end(*_):
    take(2)
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
kept = []
while True:
    kept.append(take(4))
END
# Holds 190M, and then as much in page tables, which no process shows, as in pages: together more than the brake, while the
# charge stays below the line.
cat >"$CASE/tables.py" <<'END'
import mmap, sys, time
scope = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().split("::")[1].strip()
def held():
    stat = dict(line.split() for line in open(scope + "/memory.stat"))
    cache = int(stat["active_file"]) + int(stat["inactive_file"])
    return int(open(scope + "/memory.current").read()) - cache
kept = mmap.mmap(-1, 190 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, 190 << 20, 4096):
    kept[page] = 1
sparse = mmap.mmap(-1, 40 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
sparse.madvise(15)
for page in range(0, 40 << 30, 2 << 20):
    sparse[page] = 1
    if page % (128 << 20) == 0 and held() > 294 << 20:
        break
print("all", file=open(sys.argv[1], "w"), flush=True)
# And works on, at the brake.
while True:
    work = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(0, 1 << 20, 4096):
        work[page] = 1
    work.close()
    time.sleep(0.05)
END
high() { cat "$scope/memory.high"; }
ooms() { sed -n 's/^oom_kill //p' "$scope/memory.events"; }

path=$(program_of alpha)
install -D /usr/local/bin/hog "$path"
terminal alpha
type_in alpha "run-claude-limited --swap 0 300M $path --prompt"
wait_for 30 "running $path >$CASE/alpha.pid"
id=$(id_of alpha)
wait_until 30 knows "$id"
scope=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of alpha)/cgroup")
wait_until 20 high != max
brake=$(high)
line=$(agent_health "$id" kill_line)
expect 'held between its line and its limit' test "$brake" -gt "$line" -a "$brake" -lt $((300 << 20))
expect_is 'not in the unit' "$(systemctl show -P MemoryHigh "${scope##*/}")" infinity

type_in alpha "tool sh -c 'python3 $CASE/leak.py; echo \$? >$CASE/leak.code'"
wait_until 60 test -s "$CASE/leak.code"
expect_is 'it ended by its own handler' "$(<"$CASE/leak.code")" 7
expect_is 'the kernel ended nobody' "$(ooms)" 0
wait_until 30 count acted "AGENT_ID=$id" -eq 1
expect_is 'one signal' "$(count signal "AGENT_ID=$id")" 1
expect 'the agent lives' alive "$(pid_of alpha)"
wait_until 20 high == "$brake"
figure 'TERM to end' "$((($(field acted __MONOTONIC_TIMESTAMP) - $(field act __MONOTONIC_TIMESTAMP)) / 1000)) ms"

# As fast as it goes: some ten milliseconds from the line to the wall.
type_in alpha "tool sh -c 'hog --until 1G; echo \$? >$CASE/hog.code'"
wait_until 60 test -s "$CASE/hog.code"
expect_is 'by TERM' "$(<"$CASE/hog.code")" 143
expect_is 'the kernel ended nobody here either' "$(ooms)" 0
wait_until 30 count acted "AGENT_ID=$id" -eq 2
wait_until 20 high == "$brake"

type_in alpha "tool python3 $CASE/tables.py $CASE/tables"
wait_until 60 logged "$id: held back .*nobody is to blame" -ge 1
expect_is 'let go' "$(high)" max
wait_until 60 test -s "$CASE/tables"
expect_is 'nobody was ended' "$(count act "AGENT_ID=$id")" 2
pkill --full tables.py
wait_until 20 high == "$brake"

# More cache than the limit: no brake for that, and the disk's file is read through all the same.
type_in alpha "tool sh -c 'head -c 400M /dev/zero >/var/tmp/case-cache; cat /var/tmp/case-cache >/dev/null; rm /var/tmp/case-cache; touch $CASE/cache'"
wait_until 60 test -e "$CASE/cache"
expect_is 'it is held as before' "$(high)" "$brake"

systemctl stop claude-watchdog.socket claude-watchdog.service
expect_is 'not without a supervisor' "$(high)" max
systemctl start claude-watchdog.socket claude-watchdog.service
wait_until 30 high == "$brake"
afterwards 'rm -rf /run/systemd/system/claude-watchdog.service.d; systemctl daemon-reload'
mkdir -p /run/systemd/system/claude-watchdog.service.d
printf '[Service]\nRestart=no\n' >/run/systemd/system/claude-watchdog.service.d/once.conf
systemctl daemon-reload
# With systemd 252 that lifts it.
wait_until 30 high == "$brake"
systemctl kill --signal=KILL claude-watchdog.service
wait_until 20 high == max
wait_until 20 systemctl is-active claude-watchdog.service == failed
rm -rf /run/systemd/system/claude-watchdog.service.d
systemctl daemon-reload
systemctl start claude-watchdog.service
wait_until 30 high == "$brake"
printf '[act]\nbrake = false\n' >/etc/claude-watchdog/config.toml.d/50-case.toml
systemctl reload claude-watchdog.service
wait_until 20 high == max
