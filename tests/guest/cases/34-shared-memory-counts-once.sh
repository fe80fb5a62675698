# Mapped shared memory is charged to the agent, once whoever maps it, and others' shared memory is not.
# guest: usual=trixie
# timeout: 200

lines 900M 1500M
terminal theirs other
type_in theirs 'hog --do "map shared 300M"'
stand_in alpha
alpha=$(id_of alpha) pid=$(pid_of alpha)
wait_for 30 "knows $alpha"
wait_for 60 "(( \$(rollup Pss_Shmem \$(leaks)) > 290 << 20 ))"
before=$(charge_of "$alpha")

type_in alpha 'map shared 200M'
expect_charge 'shared and anonymous counts' "$alpha" $((before + (200 << 20)))
figure shared "$(mib "$charge")"

type_in alpha 'fork touch'
wait_for 30 "[[ \$(processes_of $alpha) == 2 ]]"
wait_for 60 "(( \$(rollup Pss_Shmem $pid) < 110 << 20 ))"
expect_charge 'mapped by two members it counts once' "$alpha" $((before + (200 << 20)))
figure twice "$(mib "$charge")"

type_in alpha 'map memfd 200M'
expect_charge 'a mapped memfd counts' "$alpha" $((before + (400 << 20)))
figure memfd "$(mib "$charge")"
expect_is 'nobody was warned' "$(count warn)" 0
