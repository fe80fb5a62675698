# Memory that is swapped out costs its agent as before.
# timeout: 150

lines 900M 1500M
swap 512M
stand_in alpha
alpha=$(id_of alpha) pid=$(pid_of alpha)
wait_for 30 "knows $alpha"
type_in alpha 'map private 300M'
wait_for 60 "(( \$(anonymous $pid) >= 300 << 20 ))"
before=$(settled "$alpha")

type_in alpha pageout
wait_for 90 "(( \$(rollup Swap $pid) >= 280 << 20 ))"
expect_charge 'as before' "$alpha" "$before"
expect 'and shown as what it is' near "$(health '.agents[0].swap')" "$(rollup Swap "$pid")"
expect_is 'nobody was warned' "$(count warn)" 0
figure before "$(mib "$before")"
figure swapped "$(mib "$(rollup Swap "$pid")")"
figure charge "$(mib "$charge")"
