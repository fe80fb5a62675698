# Mapped shared memory is charged to the agent, once for all its processes; shared memory of others is not.
# guest: usual=trixie
# timeout: 200

thresholds 900M 1500M
terminal theirs other
type_in theirs 'hog --do "map shared 300M"'
start_agent alpha
wait_until 60 rollup Pss_Shmem "$(await 30 leaks)" -gt $((290 << 20))

type_in alpha 'map shared 200M'
expect_charge 'shared and anonymous counts' "$alpha" $((alpha_before + (200 << 20)))
figure shared "$(mib "$charge")"

type_in alpha 'fork touch'
wait_until 30 processes_of "$alpha" -eq 2
wait_until 60 rollup Pss_Shmem "$alpha_pid" -lt $((110 << 20))
expect_charge 'mapped by two members it counts once' "$alpha" $((alpha_before + (200 << 20)))
figure twice "$(mib "$charge")"

type_in alpha 'map memfd 200M'
expect_charge 'a mapped memfd counts' "$alpha" $((alpha_before + (400 << 20)))
figure memfd "$(mib "$charge")"
expect_is 'no warning' "$(count warn)" 0
