# Any client of the Varlink socket may ask for the status; Debian's own can where it is there.
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
expect_is 'garbage does not hurt' "$(head -c 100000 /dev/urandom | socat -t 2 - "UNIX-CONNECT:$socket" >/dev/null 2>&1; knows "$alpha" && echo alive)" alive

if command -v varlinkctl >/dev/null; then
  varlinkctl introspect "$socket" io.moltdown.Watchdog >"$CASE/interface"
  expect 'it can be introspected' grep -q 'method Status' "$CASE/interface"
  status=$(varlinkctl call --json=short "$socket" io.moltdown.Watchdog.Status '{}')
  expect_is 'and called' "$(jq -r '.status.agents[].id' <<<"$status")" "$alpha"
  varlinkctl validate-idl "$CASE/interface" >/dev/null
  expect_like 'it says who it is' "$(varlinkctl info "$socket")" 'claude-watchdog'
  expect_is 'an error has its name and field' "$(varlinkctl call "$socket" io.moltdown.Watchdog.Explain '{"pid":"x"}' 2>&1 \
    | grep -o 'InvalidParameter')" InvalidParameter
  timeout 5 varlinkctl call --more --json=short "$socket" io.moltdown.Watchdog.Status '{}' >"$CASE/more" || true
  expect 'more than once' test "$(wc -l <"$CASE/more")" -ge 2
  timeout 3 varlinkctl call --more --json=short "$socket" io.moltdown.Watchdog.Events '{"last":1}' >"$CASE/more" || true
  # Each is led by a record separator (RFC 7464).
  expect_is 'events too' "$(tr -d '\036' <"$CASE/more" | jq -r '.events[0].kind')" found
  expect_is 'and it asks for an end' "$(varlinkctl call --json=short "$socket" io.moltdown.Watchdog.Stop \
    "{\"agent\":\"$alpha\"}" | jq -r .action.cause)" request
  figure client varlinkctl
fi

# The Python package: another reader of the interface, which builds its calls from it.
[[ -d /mnt/python ]] || exit 0
start_agent beta
cat >/tmp/client.py <<'PYTHON'
import sys
import varlink

with varlink.Client("unix:" + sys.argv[1]) as client:
    print(sorted(client.get_interfaces()))
    with client.open("io.moltdown.Watchdog") as watchdog:
        print([agent["id"] for agent in watchdog.Status()["status"]["agents"]])
        print(watchdog.Explain(int(sys.argv[2]))["explanation"]["membership"]["agent"])
        for wrong in ("Explain", "Stop"):
            try:
                getattr(watchdog, wrong)(2**31 - 1 if wrong == "Explain" else "claude-1")
            except varlink.VarlinkError as error:
                print(error.error(), error.parameters())
        for number, reply in enumerate(watchdog.Status(_more=True)):
            if number == 2:
                break
    with client.open("io.moltdown.Watchdog") as watchdog:
        print(watchdog.Events(1)["events"][0]["kind"])
        print(watchdog.Stop(sys.argv[3])["action"]["signals"])
PYTHON
as root env PYTHONPATH=/mnt/python PYTHONWARNINGS=ignore python3 /tmp/client.py "$socket" "$beta_pid" "$beta" >"$CASE/python" 2>&1 || {
  cat "$CASE/python"
  fail 'the Python client'
}
expect_is 'the Python client reads and asks it all' "$(tr -d "'" <"$CASE/python")" "[io.moltdown.Watchdog, org.varlink.service]
[$beta]
$beta
io.moltdown.Watchdog.NoSuchProcess {pid: 2147483647}
io.moltdown.Watchdog.NoSuchAgent {agent: claude-1}
found
[TERM]"
figure client python
