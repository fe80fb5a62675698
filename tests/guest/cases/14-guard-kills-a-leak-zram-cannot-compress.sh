# Swap in compressed memory that what leaks does not compress in takes nothing: the leak is ended before the kernel does it.
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
expect_is 'the kernel killed nobody' "$(oom_kills)" "$ooms"
expect 'everybody else lives' alive "$alpha_pid" "$(shell_of alpha)" "$(tmux_of alpha)"
read -r _ beyond _ ending < <(measured /dev/shm/noise.trace left "$(share 4)")
figure beyond "$beyond MiB"
figure ending "$ending ms"
figure grace "$(last_field act MESSAGE | grep -o 'grace .*\|no time.*')"
figure desktop "$(desktop_worst) ms"
