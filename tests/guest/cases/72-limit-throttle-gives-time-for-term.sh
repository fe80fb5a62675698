# A leak under a limit that is faster than any tick is throttled and gets SIGTERM instead of the kernel's SIGKILL. The throttle is
# lifted for a terminated process, for an innocent one and without a daemon.
# timeout: 240

chmod 777 "$CASE"
# Its handler needs memory; 7 is its own exit code.
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
# Takes 190M, and then more in page tables, which no process shows: together more than the throttle, while the charge stays below
# the threshold.
cat >"$CASE/tables.py" <<'END'
import mmap, sys, time
scope = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().split("::")[1].strip()
def used():
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
    if page % (128 << 20) == 0 and used() > 294 << 20:
        break
print("all", file=open(sys.argv[1], "w"), flush=True)
# Then works at the throttle.
while True:
    work = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(0, 1 << 20, 4096):
        work[page] = 1
    work.close()
    time.sleep(0.05)
END
start_limited_agent alpha
scope=$alpha_scope
wait_until 20 throttle_of "$scope" != max
throttle=$(throttle_of "$scope")
threshold=$(agent_health "$alpha" kill_threshold)
expect 'between its threshold and its limit' test "$throttle" -gt "$threshold" -a "$throttle" -lt $((300 << 20))
expect_is 'not set in the unit' "$(systemctl show -P MemoryHigh "${scope##*/}")" infinity

type_in alpha "tool sh -c 'python3 $CASE/leak.py; echo \$? >$CASE/leak.code'"
wait_until 60 test -s "$CASE/leak.code"
expect_is 'its own handler ran' "$(<"$CASE/leak.code")" 7
expect_is 'no OOM kill by the kernel' "$(oom_of "$scope")" 0
wait_until 30 count acted "AGENT_ID=$alpha" -eq 1
expect_is 'one signal' "$(count signal "AGENT_ID=$alpha")" 1
expect 'the agent is alive' alive "$alpha_pid"
wait_until 20 throttle_of "$scope" -eq "$throttle"
figure 'TERM to exit' "$((($(field acted __MONOTONIC_TIMESTAMP) - $(field act __MONOTONIC_TIMESTAMP)) / 1000)) ms"

# At full speed: some ten milliseconds from the threshold to the limit.
type_in alpha "tool sh -c 'hog --until 1G; echo \$? >$CASE/hog.code'"
wait_until 60 test -s "$CASE/hog.code"
expect_is 'by TERM' "$(<"$CASE/hog.code")" 143
expect_is 'full speed: no OOM kill by the kernel' "$(oom_of "$scope")" 0
wait_until 30 count acted "AGENT_ID=$alpha" -eq 2
wait_until 20 throttle_of "$scope" -eq "$throttle"

# An innocent process.
type_in alpha "tool python3 $CASE/tables.py $CASE/tables"
wait_until 60 throttle_of "$scope" == max
expect 'the lifted throttle is logged' wait_until 20 logged 'no process to kill was identified' -ge 1
wait_until 60 test -s "$CASE/tables"
expect_is 'nothing was killed' "$(count act "AGENT_ID=$alpha")" 2
pkill --full tables.py
wait_until 20 throttle_of "$scope" -eq "$throttle"

# Page cache beyond the limit does not count: the file is read to its end.
type_in alpha "tool sh -c 'head -c 400M /dev/zero >/var/tmp/case-cache; cat /var/tmp/case-cache >/dev/null; rm /var/tmp/case-cache; touch $CASE/cache'"
wait_until 60 test -e "$CASE/cache"
expect_is 'the throttle is unchanged' "$(throttle_of "$scope")" "$throttle"

# Without the service: stopped, killed, and with the throttle disabled.
systemctl stop claude-watchdog.socket claude-watchdog.service
expect_is 'none without the service' "$(throttle_of "$scope")" max
systemctl start claude-watchdog.socket claude-watchdog.service
wait_until 30 throttle_of "$scope" -eq "$throttle"
afterwards 'rm -rf /run/systemd/system/claude-watchdog.service.d; systemctl daemon-reload'
mkdir -p /run/systemd/system/claude-watchdog.service.d
printf '[Service]\nRestart=no\n' >/run/systemd/system/claude-watchdog.service.d/once.conf
systemctl daemon-reload
# With systemd 252 a daemon-reload lifts it.
wait_until 30 throttle_of "$scope" -eq "$throttle"
systemctl kill --signal=KILL claude-watchdog.service
wait_until 20 throttle_of "$scope" == max
wait_until 20 systemctl is-active claude-watchdog.service == failed
rm -rf /run/systemd/system/claude-watchdog.service.d
systemctl daemon-reload
systemctl start claude-watchdog.service
wait_until 30 throttle_of "$scope" -eq "$throttle"
printf '[act]\nthrottle = false\n' >/etc/claude-watchdog/config.toml.d/50-case.toml
systemctl reload claude-watchdog.service
wait_until 20 throttle_of "$scope" == max
