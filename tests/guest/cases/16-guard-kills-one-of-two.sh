# Of two agents that together want more than there is one is acted upon, once, and the other one gets what it wanted.
# timeout: 150

ooms=$(oom_kills)
stand_in alpha
stand_in beta
wait_for 30 "knows $(id_of alpha) && knows $(id_of beta)"
leave_room $((1000 << 20))
# 60 percent of it each.
for name in alpha beta; do type_in $name 'tool hog --until 600M; sleep 1000'; done
wait_for 60 '(( $(leaks | wc -l) == 2 ))'
wait_for 90 '[[ $(count acted) == 1 ]]'
wait_for 30 '(( $(leaks | wc -l) == 1 ))'
survivor=$(leaks)
wait_for 60 "(( \$(anonymous $survivor) >= 600 << 20 ))"

hold_for 3 "alive $survivor $(pid_of alpha) $(pid_of beta)"
expect_is 'by the guard' "$(field act CAUSE)" guard
expect_is 'one action' "$(count act)" 1
expect_is 'the kernel killed nobody' "$(oom_kills)" "$ooms"
figure left "$(mib "$(room)")"
