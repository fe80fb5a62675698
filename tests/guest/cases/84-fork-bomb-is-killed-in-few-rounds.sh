# Processes that fork while they are being killed are all killed, in few rounds.
# guest: usual=trixie
# timeout: 150

thresholds 200M 300M
ooms=$(oom_kills)
desktop
start_agent alpha
start_agent beta
type_in alpha 'tool hog --do "bomb 600 3M"; sleep 1000'
wait_until 60 count act -ge 1
wait_until 60 not leaks
holds_for 3 not leaks
expect 'the other agent is alive' alive "$beta_pid" "$(shell_of alpha)"
expect 'few rounds' test "$(count signal)" -le 20
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure rounds "$(count signal)"
figure actions "$(count act)"
figure peak "$(mib "$(events act | jq -s '[.[].CHARGE_BYTES | tonumber] | max')")"
figure desktop "$(desktop_worst) ms"
if alive "$alpha_pid"; then figure agent lives; fi
