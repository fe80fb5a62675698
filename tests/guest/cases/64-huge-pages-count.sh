# Huge pages count as private memory: those the kernel makes by itself, and those that were set aside.
# guest: usual=bookworm
# timeout: 150

lines 900M 1500M
setting vm.nr_hugepages 110
expect 'huge pages could be set aside' test "$(sysctl --values vm.nr_hugepages)" -ge 100
stand_in alpha
alpha=$(id_of alpha) pid=$(pid_of alpha)
wait_for 30 "knows $alpha"
before=$(charge_of "$alpha")

type_in alpha 'map huge 200M'
wait_for 60 "(( \$(rollup AnonHugePages $pid) >= 190 << 20 ))"
expect_charge 'transparent ones' "$alpha" $((before + (200 << 20)))
figure transparent "$(mib "$charge")"

type_in alpha 'map hugetlb 200M'
wait_for 60 "(( \$(rollup Private_Hugetlb $pid) >= 200 << 20 ))"
expect_charge 'those set aside' "$alpha" $((before + (400 << 20)))
figure hugetlb "$(mib "$charge")"
