# Clients that connect and send nothing, or never read, delay neither other clients nor the supervision.
# guest: usual=bookworm
# timeout: 180

thresholds 300M 600M
socket=/run/claude-watchdog/io.moltdown.Watchdog
start_agent alpha
before=$(daemon_pid)
cat >/tmp/silent.py <<'PYTHON'
import socket, sys, time
kept = []
call = b'{"method":"io.moltdown.Watchdog.Status","parameters":{}}\0'
for number in range(300):
    peer = socket.socket(socket.AF_UNIX)
    peer.setblocking(False)
    try:
        peer.connect(sys.argv[1])
        peer.send(call * 200 if number % 2 else b"{")
    except OSError:
        pass
    kept.append(peer)
print("connected", flush=True)
time.sleep(1000)
PYTHON
as other python3 /tmp/silent.py "$socket" >"$CASE/silent" 2>&1 &
wait_until 60 grep -q connected "$CASE/silent"

type_in alpha 'tool hog --rate 60M --until 900M; sleep 1000'
leak=$(await 30 leaks)
wait_until 90 gone "$leak"
wait_until 30 count acted -eq 1
expect 'the agent is alive' alive "$alpha_pid"
expect 'others are served' vm-health-check
nice_of() { ps -L -o comm=,ni= -p "$before" | awk -v name="$1" '$1 == name { print $2 }'; }
expect_is 'the control loop has priority over the socket' "$(nice_of claude-watchdog) $(nice_of socket)" '-10 0'
expect_is 'the daemon was not restarted' "$(daemon_pid)" "$before"
expect 'its memory is bounded' test "$(anonymous "$before")" -lt $((32 << 20))
# The processors are shared with other work on the machine, so a few polls may be late nevertheless.
late=$(late_polls) all=$(polls)
expect 'nearly all polls were in time' test $((late * 20)) -le "$all"
figure late "$late of $all polls"
figure anonymous "$(($(anonymous "$before") >> 10))K"
