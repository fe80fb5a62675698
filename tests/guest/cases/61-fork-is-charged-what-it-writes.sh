# A fork that writes nothing costs nothing, nor do twenty more, and nobody is ended for it; what a copy writes counts.
# guest: usual=trixie
# timeout: 240

# Two copies would be over the kill line. Others use memory, too, so the guest's totals do not tell it.
thresholds 400M 500M
terminal plain
type_in plain 'hog --until 300M'
start_agent alpha
type_in alpha 'map private 300M'
wait_for 60 "(( \$(anonymous \$(leaks)) >= 300 << 20 ))"
expect_charge 'one copy' "$alpha" $((300 << 20))
one=$charge

type_in alpha fork
wait_until 30 pgrep --parent "$alpha_pid"
updates 3
expect_is 'nobody is ended for a fork' "$(count act)" 0
expect_is 'it is seen' "$(processes_of "$alpha")" 2
expect_charge 'a fork is still one copy' "$alpha" "$one"
figure forked "$(mib "$charge")"
for fork in {1..20}; do type_in alpha fork; done
wait_until 60 processes_of "$alpha" -eq 22
expect_charge 'and so are twenty more' "$alpha" "$one"
figure 'twenty more' "$(mib "$charge")"
expect_is 'nobody was warned' "$(count warn)" 0
expect_is 'nobody was ended' "$(count act)" 0

mapfile -t copies < <(pgrep --parent "$alpha_pid")
kill -KILL "${copies[@]}"
thresholds 900M 1500M
wait_until 30 processes_of "$alpha" -eq 1
type_in alpha 'fork touch'
wait_until 30 processes_of "$alpha" -eq 2
wait_until 60 rollup Private_Dirty "$alpha_pid" -ge $((290 << 20))
expect_charge 'a copy that was written to is two' "$alpha" $((2 * one))
figure written "$(mib "$charge")"
