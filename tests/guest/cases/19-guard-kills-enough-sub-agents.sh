# Of twenty small agents that were started by one agent and together exhaust the guest, enough are killed; their parent lives.
# guest: releases=bookworm
# timeout: 150

ooms=$(oom_kills)
inner=$(program_of inner)
install -D /usr/local/bin/hog "$inner"
leave_room $((700 << 20))
# Each below a shell of its own, as agents start others.
starts=()
for number in {1..20}; do starts+=("tool sleep 2; $inner --do 'grow 60M 5M'"); done
several alpha 1 "${starts[@]}"
alpha=$(await 30 running "$(program_of alpha)")
inner_agents() { all_running "$inner" | wc -l; }
wait_until 60 inner_agents -eq 20
wait_until 60 count acted -ge 1
# The surviving agents grow to their size. A fixed time, since the test is that no further one is killed.
stable() {
  local before
  before=$(inner_agents)
  sleep 5
  (($(inner_agents) == before && $(room) > $(share 4)))
}
wait_until 60 stable
left=$(inner_agents)
expect 'some are alive' test "$left" -ge 3
expect 'their parent is alive' alive "$alpha"
expect_is 'by the guard' "$(field act CAUSE)" guard
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure killed "$((20 - left)) of 20"
figure actions "$(count act)"
figure room "$(mib "$(room)")"
