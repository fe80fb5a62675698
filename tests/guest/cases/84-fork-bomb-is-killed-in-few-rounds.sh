# Processes that fork on while they are ended are all ended, in few rounds, and the guest survives.
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
expect 'its neighbour lives' alive "$beta_pid" "$(shell_of alpha)"
expect 'few rounds' test "$(count signal)" -le 20
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
figure rounds "$(count signal)"
figure actions "$(count act)"
figure most "$(mib "$(events act | jq -s '[.[].CHARGE_BYTES | tonumber] | max')")"
figure desktop "$(desktop_worst) ms"
if alive "$alpha_pid"; then figure agent lives; fi
