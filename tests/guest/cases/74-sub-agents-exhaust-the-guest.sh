# Of twenty small agents that one agent started, and that together exhaust the guest, enough are ended; it lives.
# timeout: 150

ooms=$(oom_kills)
stand_in alpha
alpha=$(id_of alpha)
inner=$(program_of inner)
install -D /usr/local/bin/hog "$inner"
wait_for 30 "knows $alpha"
leave_room $((700 << 20))
type_in alpha "tool for n in {1..20}; do $inner --do 'tool true' --do 'grow 60M 5M' & done; wait"
inner_agents() { all_running "$inner" | wc -l; }
wait_for 60 '(( $(inner_agents) == 20 ))'
wait_for 60 '(( $(count acted) >= 1 ))'
# What is left of them grows to its size.
stable() {
  local before
  before=$(inner_agents)
  sleep 5
  (($(inner_agents) == before && $(room) > $(share 4)))
}
wait_for 60 stable
left=$(inner_agents)
expect 'some live' test "$left" -ge 3
expect 'the one that started them lives' alive "$(pid_of alpha)" "$(shell_of alpha)"
expect_is 'by the guard' "$(field act CAUSE)" guard
expect_is 'the kernel killed nobody' "$(oom_kills)" "$ooms"
figure ended "$((20 - left)) of 20"
figure actions "$(count act)"
figure room "$(mib "$(room)")"
