# The Python package `varlink`, which builds its calls from the interface description, can use every method.
# guest: usual=trixie

[[ -d $payload/python ]] || skip 'the Python package varlink could not be fetched'
socket=/run/claude-watchdog/io.moltdown.Watchdog
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
        # The last event may be of an earlier case's agent, whose exit is seen late.
        events = watchdog.Events(None)["events"]
        print([event["kind"] for event in events if event["agent"] == sys.argv[3]])
        print(watchdog.Stop(sys.argv[3])["action"]["signals"])
PYTHON
as root env PYTHONPATH="$payload/python" PYTHONWARNINGS=ignore python3 /tmp/client.py "$socket" "$beta_pid" "$beta" >"$CASE/python" 2>&1 || {
  cat "$CASE/python"
  fail 'the Python client'
}
expect_is 'it reads status, explanation, errors and events, and stops an agent' "$(tr -d "'" <"$CASE/python")" "[io.moltdown.Watchdog, org.varlink.service]
[$beta]
$beta
io.moltdown.Watchdog.NoSuchProcess {pid: 2147483647}
io.moltdown.Watchdog.NoSuchAgent {agent: claude-1}
[found]
[TERM]"
