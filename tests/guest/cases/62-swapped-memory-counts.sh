# Swapped memory is charged as before; so is shared memory in swap, which VmSwap does not include, and only once.
# guest: usual=bookworm
# timeout: 180

thresholds 900M 1500M
swap 640M
start_agent alpha
type_in alpha 'map private 300M'
expect_charge 'private memory' "$alpha" $((300 << 20))
before=$charge
figure before "$(mib "$before")"
type_in alpha pageout
wait_until 90 rollup Swap "$alpha_pid" -ge $((290 << 20))
expect_charge 'private memory in swap' "$alpha" "$before"
expect 'and shown as swap' near "$(health '.agents[0].swap')" "$(rollup Swap "$alpha_pid")"
figure 'in swap' "$(mib "$charge")"

# The copy maps it without touching it: MADV_PAGEOUT swaps out only pages that a single process has touched.
type_in alpha 'tool hog --do "map shared 200M" --do fork --do pageout'
wait_until 60 leak_count -eq 2
sharer=$(leaks | head -n 1)
wait_until 90 rollup Swap "$sharer" -ge $((190 << 20))
expect_charge 'shared memory in swap' "$alpha" $((before + (200 << 20)))
figure 'and shared' "$(mib "$charge")"
expect_is 'no warning' "$(count warn)" 0
