# Clients that connect and say nothing, or never read, delay neither other clients nor the watch.
# guest: usual=bookworm
# timeout: 180

thresholds 300M 600M
socket=/run/claude-watchdog/io.moltdown.Watchdog
start_agent alpha
before=$(daemon_pid)
cat >/tmp/silent.py <<'PYTHON'
import socket, sys, time
held = []
call = b'{"method":"io.moltdown.Watchdog.Status","parameters":{}}\0'
for number in range(300):
    peer = socket.socket(socket.AF_UNIX)
    peer.setblocking(False)
    try:
        peer.connect(sys.argv[1])
        peer.send(call * 200 if number % 2 else b"{")
    except OSError:
        pass
    held.append(peer)
print("held", flush=True)
time.sleep(1000)
PYTHON
as other python3 /tmp/silent.py "$socket" >"$CASE/silent" 2>&1 &
wait_until 60 grep -q held "$CASE/silent"

type_in alpha 'tool hog --rate 60M --until 900M; sleep 1000'
leak=$(await 30 leaks)
wait_until 90 gone "$leak"
wait_until 30 count acted -eq 1
expect 'the agent lives' alive "$alpha_pid"
expect 'others are served' vm-health-check
nice_of() { ps -L -o comm=,ni= -p "$before" | awk -v name="$1" '$1 == name { print $2 }'; }
expect_is 'the loop goes before them' "$(nice_of claude-watchdog) $(nice_of socket)" '-10 0'
expect_is 'it never had to start anew' "$(daemon_pid)" "$before"
expect 'its memory is bounded' test "$(anonymous "$before")" -lt $((32 << 20))
# The processors are shared with whatever else runs on the machine, so a few may be late all the same.
late=$(health .supervisor.missed) wakes=$(health .supervisor.glances)
expect 'and its wakes came in time' test $((late * 20)) -le "$wakes"
figure late "$late of $wakes wakes"
figure anonymous "$(($(anonymous "$before") >> 10))K"
