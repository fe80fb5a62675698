# A fork that writes nothing adds nothing to the charge, nor do twenty more, and nothing is killed; pages that a copy writes count.
# guest: usual=trixie
# timeout: 240

# Two copies would exceed the kill threshold. Another process uses memory, too, so the guest's totals do not show it.
thresholds 400M 500M
terminal plain
type_in plain 'hog --until 300M'
start_agent alpha
type_in alpha 'map private 300M'
wait_until 60 anonymous "$(await 30 leaks)" -ge $((300 << 20))
expect_charge 'one copy' "$alpha" $((300 << 20))
one=$charge

type_in alpha fork
wait_until 30 pgrep --parent "$alpha_pid"
updates 3
expect_is 'nothing is killed for a fork' "$(count act)" 0
expect_is 'the fork is counted' "$(processes_of "$alpha")" 2
expect_charge 'a fork is still one copy' "$alpha" "$one"
figure forked "$(mib "$charge")"
for fork in {1..20}; do type_in alpha fork; done
wait_until 60 processes_of "$alpha" -eq 22
expect_charge 'and so are twenty more' "$alpha" "$one"
figure 'twenty more' "$(mib "$charge")"
expect_is 'no warning' "$(count warn)" 0
expect_is 'nothing was killed' "$(count act)" 0

mapfile -t copies < <(pgrep --parent "$alpha_pid")
kill -KILL "${copies[@]}"
thresholds 900M 1500M
wait_until 30 processes_of "$alpha" -eq 1
type_in alpha 'fork touch'
wait_until 30 processes_of "$alpha" -eq 2
wait_until 60 rollup Private_Dirty "$alpha_pid" -ge $((290 << 20))
expect_charge 'a written copy doubles the charge' "$alpha" $((2 * one))
figure written "$(mib "$charge")"
