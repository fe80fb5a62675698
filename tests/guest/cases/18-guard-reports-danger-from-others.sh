# When a process that belongs to no agent takes the memory, the danger and its end are reported once and nothing is killed.
# guest: usual=bookworm
# timeout: 150

ooms=$(oom_kills)
start_agent alpha
type_in alpha 'tool hog --until 200M; sleep 1000'
moderate=$(await 30 leaks)
wait_until 60 anonymous "$moderate" -ge $((200 << 20))
leave_room $((700 << 20))
updates 2

terminal outside other
type_in outside "hog --until $((($(room) - $(share 2)) >> 20))M"
wait_until 90 count danger -eq 1
wait_until 30 health_code -eq 2
before=$(polls)
holds_for 8 alive "$moderate" "$alpha_pid"
expect_is 'critical' "$(health .verdict)" critical
ticks=$(($(polls) - before))
expect 'it polls memory meanwhile' test "$ticks" -gt 20
figure left "$(mib "$(room)")"

leaks | tail -n 1 | xargs kill -KILL
wait_until 30 count safe -eq 1
wait_until 30 health_code -eq 0
expect_is 'reported once' "$(count danger)" 1
for action in act signal kill; do expect_is "no $action" "$(count $action)" 0; done
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure polls "$ticks in 8 s"
