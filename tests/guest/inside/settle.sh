# The state in which every case begins: package installed as shipped, service active, no processes of users.

readonly PRISTINE=/run/guest/pristine

# Installs the package for the first time and remembers its configuration.
settle_first() {
  install_package && service_becomes_active || return
  mkdir -p "$PRISTINE"
  cp -a /etc/claude-watchdog "$PRISTINE/"
  if [[ -e /etc/default/claude-watchdog ]]; then cp -a /etc/default/claude-watchdog "$PRISTINE/default"; fi
}

install_package() { DEBIAN_FRONTEND=noninteractive dpkg -i "$payload/claude-watchdog.deb" </dev/null; }

service_becomes_active() (wait_until 30 service_is_active)

# Undoes the changes of a case. Fails, with the reason as the last line, if that does not work.
settle() {
  local user
  for user in agent other; do kill_processes_of "$user"; done
  if [[ -e $CASE/afterwards ]]; then undo || return; fi
  # State of a user's own daemon, which the package does not touch.
  rm -rf /home/{agent,other}/.local/state/claude-watchdog
  rm -rf /opt/agents /tmp/case /tmp/desktop.socket /dev/shm/*.trace* /home/agent/work /home/other/work
  install -d -o agent -g agent /home/agent/work
  install -d -o other -g other /home/other/work

  if ! dpkg-query --show --showformat='${db:Status-Status}' claude-watchdog 2>/dev/null | grep -qx installed; then
    install_package || { echo "the package could not be installed again"; return 1; }
  fi
  if config_restore || ! service_is_active; then
    systemctl reset-failed claude-watchdog.service
    systemctl restart claude-watchdog.service
  fi
  service_becomes_active || { echo "claude-watchdog.service is not active"; return 1; }
}

# Runs the `afterwards` commands of the case, the last one first.
undo() {
  local command failed=''
  while IFS= read -r command; do eval "$command" || failed+="$command; "; done < <(tac "$CASE/afterwards")
  [[ -z $failed ]] || { echo "not undone: $failed"; return 1; }
}

# Restores the shipped configuration; succeeds if it had been changed.
config_restore() {
  if config_is_pristine; then return 1; fi
  rm -rf /etc/claude-watchdog /etc/default/claude-watchdog
  cp -a "$PRISTINE/claude-watchdog" /etc/claude-watchdog
  if [[ -e $PRISTINE/default ]]; then cp -a "$PRISTINE/default" /etc/default/claude-watchdog; fi
}

config_is_pristine() {
  diff -r /etc/claude-watchdog "$PRISTINE/claude-watchdog" >/dev/null 2>&1 || return
  if [[ -e $PRISTINE/default ]]; then
    cmp -s /etc/default/claude-watchdog "$PRISTINE/default"
  else
    [[ ! -e /etc/default/claude-watchdog ]]
  fi
}

# Kills every process of USER except the user manager and its bus.
kill_processes_of() {
  local user=$1 pid round
  for round in 1 2 3 4 5; do
    local left=()
    for pid in $(pgrep --uid "$user"); do
      grep -q -e '/init\.scope$' -e '/dbus\.service$' "/proc/$pid/cgroup" 2>/dev/null || left+=("$pid")
    done
    ((${#left[@]})) || return 0
    kill -KILL "${left[@]}" 2>/dev/null
    sleep "0.$round"
  done
  echo "processes of $user that survive SIGKILL: ${left[*]}"
}
