# A leak of random data, which zram cannot compress, is killed before the kernel's OOM killer acts.
# guest: usual=trixie
# timeout: 200

ooms=$(oom_kills)
desktop
start_agent alpha
leave_room $((700 << 20))
zram 512M
: >"$CASE/desktop"
type_in alpha 'tool hog --measure /dev/shm/noise.trace --noise --until 3G; sleep 1000'
wait_until 100 test -e /dev/shm/noise.trace.end
wait_until 60 count acted -ge 1
expect_is 'by the guard' "$(field act CAUSE)" guard
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
expect 'all others are alive' alive "$alpha_pid" "$(shell_of alpha)" "$(tmux_of alpha)"
read -r _ beyond _ ending < <(measured /dev/shm/noise.trace left "$(share 4)")
figure beyond "$beyond MiB"
figure ending "$ending ms"
figure signal "$(last_field act SIGNAL)"
figure desktop "$(desktop_worst) ms"
