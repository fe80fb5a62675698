# The service, its configuration and its health.

# configure 'TOML': as a drop-in of the case; restarts the service.
configure() {
  echo "$1" >/etc/claude-watchdog/config.toml.d/50-case.toml
  restart_service
}

# thresholds WARN KILL [MORE TOML]: the thresholds of this case.
thresholds() { configure "$(printf '[thresholds]\nwarn = "%s"\nkill = "%s"\n%s\n' "$1" "$2" "${3-}")"; }

restart_service() {
  systemctl reset-failed claude-watchdog.service
  systemctl restart claude-watchdog.service
}

service_is_active() { systemctl is-active --quiet claude-watchdog.service; }

daemon_pid() { systemctl show --value --property=MainPID claude-watchdog.service; }

# property NAME: of the unit.
property() { systemctl show --value --property="$1" claude-watchdog.service; }

# health FILTER: the health check's JSON through jq's FILTER, whatever the exit code.
health() {
  vm-health-check --json >"$CASE/health.json" || true
  jq -r "$1" "$CASE/health.json"
}

# The exit code of the health check.
health_code() {
  local code=0
  vm-health-check >"$CASE/health" 2>&1 || code=$?
  echo "$code"
}

# knows ID: the service has found this agent.
knows() { health '.agents[].id' | grep -qx "$1"; }

# agent_count: how many agents the service has found.
agent_count() { health '.agents | length'; }

# agent_health ID FIELD: one field of an agent in the health check's JSON; FIELD may be any jq filter without its first dot.
agent_health() { health ".agents[] | select(.id == \"$1\") | .$2"; }

# charge_of ID: in bytes, as the service reports it.
charge_of() { agent_health "$1" charge; }

# polls, late_polls: how often the service has polled memory, and how often too late.
polls() { health .supervisor.polls; }
late_polls() { health .supervisor.late_wakeups; }
