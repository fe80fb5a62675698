# A leak is killed although journal, bus, the daemon's disk and a client are stuck.
# guest: releases=bookworm
# timeout: 200

socket=/run/claude-watchdog/io.moltdown.Watchdog
state=/var/lib/claude-watchdog
afterwards "systemctl restart claude-watchdog.service; rm -f /var/tmp/case-disk"
afterwards "systemctl stop claude-watchdog.service; umount --lazy $state"
systemctl stop claude-watchdog.service
mke2fs -q -t ext4 -F /var/tmp/case-disk 32M
mount -o loop /var/tmp/case-disk $state
thresholds 150M 300M
start_agent alpha
before=$(daemon_pid)

thaw() { kill -CONT "$(pidof systemd-journald)" "$(pidof -s dbus-daemon)"; fsfreeze --unfreeze $state; }
afterwards "kill -CONT \$(pidof systemd-journald) \$(pidof dbus-daemon); fsfreeze --unfreeze $state 2>/dev/null; true"
python3 -c 'import socket, sys, time
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.send(b"""{"method":"io.moltdown.Watchdog.Status","parameters":{},"more":true}\0""")
print("subscribed", flush=True)
time.sleep(1000)' $socket >"$CASE/deaf" &
deaf=$!
type_in alpha 'tool until test -e /tmp/case/go; do sleep 0.1; done; hog --measure /dev/shm/stuck.trace --rate 100M --until 1G; sleep 1000'
wait_until 30 test -s "$CASE/deaf"
wait_until 30 pgrep --uid agent --full 'until test -e /tmp/case/go'
updates 1
fsfreeze --freeze $state
bus=$(pidof -s dbus-daemon)
kill -STOP "$(pidof systemd-journald)" "$bus"
mkdir -p /tmp/case
touch /tmp/case/go

# Not from the journal, which is stuck.
read -r last beyond gone _ < <(measured /dev/shm/stuck.trace held $((300 << 20)))
code=$(cut -d' ' -f2 /dev/shm/stuck.trace.end)
thaw
kill $deaf
expect_is 'the leak got SIGTERM' "$code" 143
expect 'the agent is alive' alive "$alpha_pid"
wait_until 60 count acted -eq 1
expect_is 'the service is the same' "$(daemon_pid)" "$before"
expect 'the overshoot is small' test "$beyond" -lt 300
figure overshoot "${beyond}M"
figure 'last after' "$last ms"
figure 'gone after' "$gone ms"
