# A process that got the pid of a member between two ticks is no member: neither charged nor killed.
# guest: usual=bookworm
# timeout: 180

thresholds 250M 400M
# Few pids, so that each is reused soon.
setting kernel.pid_max 500
start_agent alpha
type_in alpha 'tool hog --until 150M; sleep 1000'
member=$(await 30 leaks)
expect_charge 'a member' "$alpha" $((alpha_before + (150 << 20)))

# No tick while the pid is reused.
watchdog=$(daemon_pid)
kill -STOP "$watchdog"
kill -KILL "$member"
wait_until 10 not test -e "/proc/$member"
tries=0
while ((tries < 5000)); do
  tries=$((tries + 1))
  # The program of another user, in the child that has the pid.
  ([[ $BASHPID == "$member" ]] && exec setpriv --reuid other --regid other --clear-groups hog --until 450M) &
  if (($! == member)); then break; fi
  wait $! || true
done
kill -CONT "$watchdog"
wait_until 60 anonymous "$member" -ge $((450 << 20))

updates 3
expect 'the other process is not charged' test "$(charge_of "$alpha")" -lt $((alpha_before + (20 << 20)))
expect_is 'nor a member' "$(agent_health "$alpha" 'culprits[].pid' | grep -cx "$member")" 0
holds_for 5 alive "$member" "$alpha_pid"
expect_is 'nothing was killed' "$(count act)" 0
expect_is 'the service is the same' "$(daemon_pid)" "$watchdog"
figure pid "$member"
figure forks "$tries"
