# An agent that was started by another agent has that as its parent, and its memory is charged once.
# guest: usual=trixie
# timeout: 120

thresholds 900M 1500M
start_agent alpha
inner=$(program_of inner)
install -D /usr/local/bin/hog "$inner"
type_in alpha "tool $inner --until 150M"
inner=claude-$(await 30 running "$inner")
wait_until 30 knows "$inner"
expect_charge 'the inner agent' "$inner" $((150 << 20))
expect_is 'its parent' "$(agent_health "$inner" parent)" "$alpha"
expect 'once' test "$(charge_of "$alpha")" -lt $((alpha_before + (10 << 20)))
figure outer "$(mib "$(charge_of "$alpha")")"
figure inner "$(mib "$charge")"

# Without its spawner it is the same agent with the same parent.
kill -KILL "$(parent "${inner#claude-}")"
updates 3
expect_is 'its parent still' "$(agent_health "$inner" parent)" "$alpha"
expect_is 'two agents' "$(agent_count)" 2
