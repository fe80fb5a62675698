# Any client can call the Varlink socket: plain JSON, and systemd's varlinkctl where the release has it.
# guest: usual=trixie

socket=/run/claude-watchdog/io.moltdown.Watchdog
call() { # call USER METHOD
  printf '{"method":"%s","parameters":{}}\0' "$2" | as "$1" socat -t 10 - "UNIX-CONNECT:$socket" | tr -d '\0'
}
start_agent alpha
for user in root agent other; do
  status=$(call "$user" io.moltdown.Watchdog.Status)
  expect_is "$user gets the agents" "$(jq -r '.parameters.status.agents[].id' <<<"$status")" "$alpha"
done
expect_is 'an unknown method is an error' "$(call agent io.moltdown.Watchdog.Nonsense | jq -r .error)" \
  org.varlink.service.MethodNotFound
info=$(call agent org.varlink.service.GetInfo)
expect 'the service names its interfaces' jq --exit-status \
  '.parameters.interfaces | index("io.moltdown.Watchdog")' <<<"$info"
expect_is 'garbage does no harm' "$(head -c 100000 /dev/urandom | socat -t 2 - "UNIX-CONNECT:$socket" >/dev/null 2>&1; knows "$alpha" && echo alive)" alive

if has_varlinkctl; then
  varlinkctl introspect "$socket" io.moltdown.Watchdog >"$CASE/interface"
  expect 'it can be introspected' grep -q 'method Status' "$CASE/interface"
  status=$(varlinkctl call --json=short "$socket" io.moltdown.Watchdog.Status '{}')
  expect_is 'and called' "$(jq -r '.status.agents[].id' <<<"$status")" "$alpha"
  varlinkctl validate-idl "$CASE/interface" >/dev/null
  expect_like 'its info names it' "$(varlinkctl info "$socket")" 'claude-watchdog'
  expect_is 'an error has its name and field' "$(varlinkctl call "$socket" io.moltdown.Watchdog.Explain '{"pid":"x"}' 2>&1 \
    | grep -o 'InvalidParameter')" InvalidParameter
  timeout 5 varlinkctl call --more --json=short "$socket" io.moltdown.Watchdog.Status '{}' >"$CASE/more" || true
  expect 'status updates' test "$(wc -l <"$CASE/more")" -ge 2
  timeout 3 varlinkctl call --more --json=short "$socket" io.moltdown.Watchdog.Events '{"last":1}' >"$CASE/more" || true
  # Each is preceded by a record separator (RFC 7464).
  expect_is 'events' "$(tr -d '\036' <"$CASE/more" | jq -r '.events[0].kind')" found
  expect_is 'a stop' "$(varlinkctl call --json=short "$socket" io.moltdown.Watchdog.Stop \
    "{\"agent\":\"$alpha\"}" | jq -r .action.cause)" request
  figure client varlinkctl
fi
