# With a large swap on a slow disk the guest thrashes long before the swap is full. The guard kills the process that holds the
# memory, before the kernel's OOM killer does.
# guest: usual=bookworm
# timeout: 360

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
# At random, so that readahead does not help.
while True:
    turn = (turn + 1) % 251
    memory[random.randrange(size)] = turn
PYTHON
afterwards 'rm -f /tmp/case-thrash.py'
type_in alpha 'tool python3 /tmp/case-thrash.py; sleep 1000'
thrasher=$(await 60 pgrep --full '^python3 /tmp/case-thrash.py')
swap_free=''
is_killed() {
  local key value
  if gone "$thrasher"; then return 0; fi
  while read -r key value _; do [[ $key != SwapFree: ]] || swap_free=$((value >> 10))M; done </proc/meminfo
  return 1
}
# Seldom and without child processes. The guard acts when all tasks wait for memory at the same time (`full` in
# /proc/pressure/memory); on a slow machine a case that polls the journal five times a second is a task that does not wait.
POLL_INTERVAL=3 wait_until 240 is_killed
wait_until 60 count acted -ge 1
figure 'swap free' "$swap_free"
expect_is 'by the guard' "$(field act CAUSE)" guard
expect_like 'because of thrashing' "$(field act MESSAGE)" 'thrash'
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
expect 'all others are alive' alive "$alpha_pid" "$(shell_of alpha)" "$(tmux_of alpha)"
expect 'memory pressure woke the daemon' test "$(health .supervisor.woken_by_pressure)" -gt 0
figure woken "$(health .supervisor.woken_by_pressure) times"
figure desktop "$(desktop_worst) ms"
