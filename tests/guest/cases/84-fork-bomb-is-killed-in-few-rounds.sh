# Processes that fork on while they are ended are all ended, in few rounds, and the guest survives.
# guest: usual=trixie
# timeout: 150

lines 200M 300M
ooms=$(oom_kills)
desktop
stand_in alpha
stand_in beta
wait_for 30 "knows $(id_of alpha) && knows $(id_of beta)"
type_in alpha 'tool hog --do "bomb 600 3M"; sleep 1000'
wait_for 60 '(( $(count act) >= 1 ))'
wait_for 60 '! leaks'
hold_for 3 '! leaks'
expect 'its neighbour lives' alive "$(pid_of beta)" "$(shell_of alpha)"
expect 'few rounds' test "$(count signal)" -le 20
expect_is 'the kernel killed nobody' "$(oom_kills)" "$ooms"
figure rounds "$(count signal)"
figure actions "$(count act)"
figure most "$(mib "$(events act | jq -s '[.[].CHARGE_BYTES | tonumber] | max')")"
figure desktop "$(desktop_worst) ms"
if alive "$(pid_of alpha)"; then figure agent lives; fi
