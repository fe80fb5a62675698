# Shared memory that is swapped out, which no VmSwap tells of, costs its agent as before: once, though two map it.
# timeout: 150

lines 900M 1500M
swap 512M
stand_in alpha
alpha=$(id_of alpha) pid=$(pid_of alpha)
wait_for 30 "knows $alpha"
type_in alpha 'map shared 200M'
wait_for 60 "(( \$(rollup Pss_Shmem $pid) >= 200 << 20 ))"
# The copy maps it and has not touched it: the kernel swaps out on demand only what one process has touched.
type_in alpha fork
wait_for 30 "[[ \$(processes_of $alpha) == 2 ]]"
before=$(settled "$alpha")

type_in alpha pageout
wait_for 90 "(( \$(rollup Swap $pid) >= 190 << 20 ))"
figure before "$(mib "$before")"
figure swapped "$(mib "$(rollup Swap "$pid")")"
expect_charge 'as before' "$alpha" "$before"
figure charge "$(mib "$charge")"
