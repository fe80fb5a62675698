# The service, its configuration and its health.

# configure 'TOML': in a drop-in of the case; the service starts anew with it.
configure() {
  echo "$1" >/etc/claude-watchdog/config.toml.d/50-case.toml
  restart_service
}

# lines WARN KILL [MORE TOML]: the lines for this case.
lines() { configure "$(printf '[lines]\nwarn = "%s"\nkill = "%s"\n%s\n' "$1" "$2" "${3-}")"; }

restart_service() {
  systemctl reset-failed claude-watchdog.service
  systemctl restart claude-watchdog.service
}

daemon_pid() { systemctl show --value --property=MainPID claude-watchdog.service; }

# property NAME: of the unit.
property() { systemctl show --value --property="$1" claude-watchdog.service; }

# health FILTER: what jq's FILTER makes of the health check's JSON, whatever its exit code.
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

# knows ID: the service has this agent.
knows() { health '.agents[].id' | grep -qx "$1"; }

# charge_of ID: in bytes, as the service sees it.
charge_of() { health ".agents[] | select(.id == \"$1\") | .charge"; }
