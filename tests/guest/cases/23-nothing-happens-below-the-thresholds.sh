# Neither an agent below its thresholds nor a large process outside of agents is signalled or reported.
# guest: usual=trixie
# timeout: 150

thresholds 300M 600M
start_agent alpha
type_in alpha 'grow 150M'
type_in alpha 'tool hog --until 50M'
terminal plain
type_in plain 'hog --until 900M'
wait_until 60 leak_count -eq 2
mapfile -t hogs < <(leaks)
both_hold() { echo $(($(anonymous "${hogs[0]}") + $(anonymous "${hogs[1]}"))); }
wait_until 60 both_hold -ge $((950 << 20))
wait_until 30 charge_of "$alpha" -ge $((200 << 20))

holds_for 10 alive "${hogs[@]}" "$alpha_pid"
expect_is 'one agent' "$(agent_count)" 1
expect 'charged with its own memory only' test "$(charge_of "$alpha")" -lt $((280 << 20))
for action in warn act signal kill; do
  expect_is "no $action" "$(count "$action")" 0
done
figure charge "$(mib "$(charge_of "$alpha")")"
