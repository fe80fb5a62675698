# Any client of the Varlink socket may ask for the status; Debian's own can where it is there.
# guest: usual=trixie

socket=/run/claude-watchdog/io.moltdown.Watchdog
call() { # call USER METHOD
  printf '{"method":"%s","parameters":{}}\0' "$2" | as "$1" socat -t 10 - "UNIX-CONNECT:$socket" | tr -d '\0'
}
stand_in alpha
wait_for 30 "knows $(id_of alpha)"
for user in root agent other; do
  status=$(call "$user" io.moltdown.Watchdog.Status)
  expect_is "$user gets the agents" "$(jq -r '.parameters.status.agents[].id' <<<"$status")" "$(id_of alpha)"
done
expect_is 'an unknown method is an error' "$(call agent io.moltdown.Watchdog.Nonsense | jq -r .error)" \
  org.varlink.service.MethodNotFound
info=$(call agent org.varlink.service.GetInfo)
expect 'the service names its interfaces' jq --exit-status \
  '.parameters.interfaces | index("io.moltdown.Watchdog")' <<<"$info"
expect_is 'garbage does not hurt' "$(head -c 100000 /dev/urandom | socat -t 2 - "UNIX-CONNECT:$socket" >/dev/null 2>&1; knows "$(id_of alpha)" && echo alive)" alive

if command -v varlinkctl >/dev/null; then
  varlinkctl introspect "$socket" io.moltdown.Watchdog >"$CASE/interface"
  expect 'it can be introspected' grep -q 'method Status' "$CASE/interface"
  status=$(varlinkctl call --json=short "$socket" io.moltdown.Watchdog.Status '{}')
  expect_is 'and called' "$(jq -r '.status.agents[].id' <<<"$status")" "$(id_of alpha)"
  figure client varlinkctl
fi
