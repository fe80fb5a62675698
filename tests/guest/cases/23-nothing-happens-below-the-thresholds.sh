# Neither an agent under its lines nor a fat process that is no agent's is touched or spoken of.
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
wait_for 60 "(( \$(anonymous ${hogs[0]}) + \$(anonymous ${hogs[1]}) >= 950 << 20 ))"
wait_until 30 charge_of "$alpha" -ge $((200 << 20))

holds_for 10 alive "${hogs[@]}" "$alpha_pid"
expect_is 'one agent' "$(health '.agents | length')" 1
expect 'that costs its own memory only' test "$(charge_of "$alpha")" -lt $((280 << 20))
for action in warn act signal kill; do
  expect_is "no $action" "$(count "$action")" 0
done
figure charge "$(mib "$(charge_of "$alpha")")"
