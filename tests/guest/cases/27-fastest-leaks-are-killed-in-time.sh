# Leaks at full speed are killed at the threshold: one, ten of one agent, and one each of ten agents. The agents stay alive.
# timeout: 240

thresholds 250M 400M
ooms=$(oom_kills)
start_agent alpha

type_in alpha 'tool hog --measure /dev/shm/one.trace --until 2G; sleep 1000'
read -r last beyond gone _ < <(measured /dev/shm/one.trace held $((400 << 20)))
wait_until 60 count acted -eq 1
expect 'the agent is alive' alive "$alpha_pid"
figure overshoot "${beyond}M"
figure 'last after' "$last ms"
figure 'gone after' "$gone ms"

# Each one is small: the culprit is the shell above them.
type_in alpha 'tool for n in {1..10}; do hog --until 400M & done; wait'
wait_until 60 leak_count -eq 10
wait_until 60 count acted -eq 2
wait_until 30 not leaks
expect 'the agent is still alive' alive "$alpha_pid"
figure 'ten overshoot' "$(mib $(($(last_field act CHARGE_BYTES) - (400 << 20))))"

thresholds 80M 160M
several ten 10 'tool until test -e /tmp/case/go; do sleep 0.1; done; hog --until 1G'
wait_until 60 agent_count -eq 11
mkdir -p /tmp/case
touch /tmp/case/go
wait_until 60 leak_count -gt 5
wait_until 120 not leaks
wait_until 60 count acted -ge 12
mapfile -t agents < <(all_running "$(program_of ten)")
expect_is 'all ten agents are alive' "${#agents[@]}" 10
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure 'ten agents' "$(mib "$(events act | jq -s '[.[-10:][].CHARGE_BYTES | tonumber] | max')") at most"
