# Huge pages count as private memory: transparent ones and reserved ones.
# guest: usual=bookworm
# timeout: 150

thresholds 900M 1500M
setting vm.nr_hugepages 110
expect 'huge pages could be reserved' test "$(sysctl --values vm.nr_hugepages)" -ge 100
start_agent alpha

type_in alpha 'map huge 200M'
wait_until 60 rollup AnonHugePages "$alpha_pid" -ge $((190 << 20))
expect_charge 'transparent ones' "$alpha" $((alpha_before + (200 << 20)))
figure transparent "$(mib "$charge")"

type_in alpha 'map hugetlb 200M'
wait_until 60 rollup Private_Hugetlb "$alpha_pid" -ge $((200 << 20))
expect_charge 'reserved ones' "$alpha" $((alpha_before + (400 << 20)))
figure hugetlb "$(mib "$charge")"
