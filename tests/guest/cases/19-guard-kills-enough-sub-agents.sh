# Of twenty small agents that one agent started, and that together exhaust the guest, enough are ended; it lives.
# guest: releases=bookworm
# timeout: 150

ooms=$(oom_kills)
inner=$(program_of inner)
install -D /usr/local/bin/hog "$inner"
leave_room $((700 << 20))
# As agents start others: each below a shell of its own.
starts=()
for number in {1..20}; do starts+=("tool sleep 2; $inner --do 'grow 60M 5M'"); done
several alpha 1 "${starts[@]}"
wait_until 30 running "$(program_of alpha)"
alpha=$(running "$(program_of alpha)")
inner_agents() { all_running "$inner" | wc -l; }
wait_until 60 inner_agents -eq 20
wait_until 60 count acted -ge 1
# What is left of them grows to its size.
stable() {
  local before
  before=$(inner_agents)
  sleep 5
  (($(inner_agents) == before && $(room) > $(share 4)))
}
wait_until 60 stable
left=$(inner_agents)
expect 'some live' test "$left" -ge 3
expect 'the one that started them lives' alive "$alpha"
expect_is 'by the guard' "$(field act CAUSE)" guard
expect_is 'the kernel killed nobody' "$(oom_kills)" "$ooms"
figure ended "$((20 - left)) of 20"
figure actions "$(count act)"
figure room "$(mib "$(room)")"
