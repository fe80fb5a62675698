# A leak below its agent's thresholds is killed before the kernel's OOM killer acts: without swap, with swap, with zram. A desktop
# program still answers.
# timeout: 240

ooms=$(oom_kills)
desktop
start_agent alpha
leave_room $((700 << 20))
desktop_answers() { wc -l <"$CASE/desktop"; }
wait_until 30 desktop_answers -ge 15
figure 'desktop before' "$(desktop_worst) ms"

number=0
for kind in none swap zram; do
  case $kind in
    # Small: an emulated disk takes 20 MiB a second.
    swap) swap 128M ;;
    zram) zram 512M ;;
  esac
  type_in alpha "tool hog --measure /dev/shm/$kind.trace --until 3G; sleep 1000"
  read -r last beyond gone ending < <(measured "/dev/shm/$kind.trace" left "$(share 4)")
  number=$((number + 1))
  wait_until 60 count acted -ge "$number"
  expect_is "$kind: by the guard" "$(last_field act CAUSE)" guard
  expect_is "$kind: the leak got SIGTERM" "$(cut -d' ' -f2 "/dev/shm/$kind.trace.end")" 143
  expect_is "$kind: no OOM kill by the kernel" "$(oom_kills)" "$ooms"
  expect "$kind: all others are alive" alive "$alpha_pid" "$(shell_of alpha)" "$(tmux_of alpha)"
  figure "$kind:" "last $last beyond $beyond MiB gone $gone ending $ending desktop $(desktop_worst) ms"
  no_swap
done
expect_is 'one action each' "$(count act)" 3
