# Of two agents that together need more memory than there is, one is acted on, once, and the other gets all it needs.
# timeout: 150

ooms=$(oom_kills)
start_agent alpha
start_agent beta
leave_room $((1000 << 20))
# 60 percent of it each.
for name in alpha beta; do type_in $name 'tool hog --until 600M; sleep 1000'; done
wait_until 60 leak_count -eq 2
wait_until 90 count acted -eq 1
wait_until 30 leak_count -eq 1
survivor=$(leaks)
wait_until 60 anonymous "$survivor" -ge $((600 << 20))

holds_for 3 alive "$survivor" "$alpha_pid" "$beta_pid"
expect_is 'by the guard' "$(field act CAUSE)" guard
expect_is 'one action' "$(count act)" 1
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure left "$(mib "$(room)")"
