# Gigabytes of dirty and clean page cache, and a build with two peaks, cause no kill.
# guest: releases=trixie
# timeout: 200

ooms=$(oom_kills)
afterwards 'rm -f /var/tmp/case-clean /var/tmp/case-dirty'
fallocate --length 1200M /var/tmp/case-clean
start_agent alpha
leave_room $((2500 << 20))
setting vm.dirty_background_ratio 50
setting vm.dirty_ratio 60

type_in alpha 'tool cat /var/tmp/case-clean >/dev/null; hog --do "child sleep 1001"'
dd if=/dev/zero of=/var/tmp/case-dirty bs=1M count=1024 status=none
wait_until 90 pid_of_command 'sleep 1001'
updates 2
figure 'cache' "$(awk '$1 == "Cached:" { print int($2 / 1024) "M" }' /proc/meminfo)"
figure 'dirty' "$(awk '$1 == "Dirty:" { print int($2 / 1024) "M" }' /proc/meminfo)"
expect 'nearly nothing is free' test "$(awk '$1 == "MemFree:" { print int($2 / 1024) }' /proc/meminfo)" -lt 500
expect_is 'cache: nothing was killed' "$(count act)" 0

# Near the reserve, but not below; for two seconds, so that the loop below measures it.
rm -f /var/tmp/case-clean /var/tmp/case-dirty
sysctl --quiet --write vm.nr_hugepages=0
leave_room $((500 << 20))
# A fixed time: the guard measures the fill rate over 10 s, and the memory reserved just now must not count.
sleep 12
type_in alpha 'tool hog --do "grow 250M 40M" --do "grow 260M 5M" --do "grow 10M" --do "grow 250M 40M" --do "grow 260M 5M" --do "grow 10M" --do "child sleep 1002"'
lowest=$(room)
until pgrep --full --exact 'sleep 1002' >/dev/null; do
  now=$(room)
  if ((now < lowest)); then lowest=$now; fi
  sleep 0.1
done
expect 'memory came near the reserve' test "$lowest" -lt "$(share 10)"
figure lowest "$(mib "$lowest")"
expect_is 'peaks: nothing was killed' "$(count act)" 0
expect_is 'peaks: no danger reported' "$(count danger)" 0
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
expect 'the agent is alive' alive "$alpha_pid"
