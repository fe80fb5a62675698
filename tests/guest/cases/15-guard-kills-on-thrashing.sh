# Large swap on a slow disk: long before it is full the guest stands still for it. Who holds the memory is ended by the
# pressure, and the kernel kills nobody.
# guest: usual=bookworm
# timeout: 300

ooms=$(oom_kills)
desktop
start_agent alpha
leave_room $((600 << 20))
slow_swap
cat >/tmp/case-thrash.py <<'PYTHON'
import mmap, random
size = 1000 << 20
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, size, 4096):
    memory[page] = 1
turn = 0
# Here and there, so that reading ahead is of no use.
while True:
    turn = (turn + 1) % 251
    memory[random.randrange(size)] = turn
PYTHON
afterwards 'rm -f /tmp/case-thrash.py'
type_in alpha 'tool python3 /tmp/case-thrash.py; sleep 1000'
wait_until 60 pgrep --full "^python3 /tmp/case-thrash.py"
wait_until 200 count act -ge 1
figure 'swap free' "$(awk '$1 == "SwapFree:" { print int($2 / 1024) "M" }' /proc/meminfo)"
expect_is 'by the guard' "$(field act CAUSE)" guard
expect_like 'for thrashing' "$(field act MESSAGE)" 'thrashes'
wait_until 60 count acted -ge 1
expect_not 'who thrashed is gone' pgrep --full '^python3 /tmp/case-thrash.py'
expect_is 'the kernel killed nobody' "$(oom_kills)" "$ooms"
expect 'everybody else lives' alive "$alpha_pid" "$(shell_of alpha)" "$(tmux_of alpha)"
expect 'memory pressure woke it' test "$(health .supervisor.woken_by_pressure)" -gt 0
figure woken "$(health .supervisor.woken_by_pressure) times"
figure desktop "$(desktop_worst) ms"
