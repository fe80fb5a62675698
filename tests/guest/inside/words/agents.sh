# Users at terminals, and the agents they run.

# as USER COMMAND…: in that user's home and own environment.
as() {
  local user=$1 name uid home
  # Without a child process: an emulated guest needs 40 ms for each, and this is called all the time.
  uid='' home=''
  while IFS=: read -r name _ uid _ _ home _; do [[ $name == "$user" ]] && break; done </etc/passwd
  shift
  (cd "$home" && exec setpriv --reuid "$user" --regid "$user" --init-groups env -i HOME="$home" USER="$user" \
    LOGNAME="$user" SHELL=/bin/bash LANG=C.UTF-8 TERM=xterm-256color \
    PATH="$home/.local/bin:/usr/local/bin:/usr/bin:/bin" \
    XDG_RUNTIME_DIR="/run/user/$uid" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@")
}

# terminal NAME [USER]: a tmux session of that name with a shell in USER's work directory. tmux runs as a service of
# the user's own manager, as it does for a person.
terminal() {
  local name=$1 user=${2-agent}
  echo "$user" >"$CASE/$name.user"
  if ! as "$user" tmux has-session 2>/dev/null; then
    as "$user" systemd-run --user --quiet --collect --property=Type=forking --setenv=TERM=xterm-256color \
      --setenv=PATH="/home/$user/.local/bin:/usr/local/bin:/usr/bin:/bin" \
      tmux new-session -d -s keeper -c "/home/$user/work"
  fi
  as "$user" tmux new-session -d -s "$name" -x 160 -y 40 -c "/home/$user/work"
}

# owner TERMINAL
owner() { echo "$(<"$CASE/$1.user")"; }

# type_in TERMINAL TEXT: and Enter.
type_in() {
  as "$(owner "$1")" tmux send-keys -t "$1" -l "$2" ';' send-keys -t "$1" Enter
}

# The visible text of TERMINAL.
screen() { as "$(owner "$1")" tmux capture-pane -p -t "$1" | sed '/^$/d'; }

# shows TERMINAL REGEX: a line of its screen matches.
shows() { screen "$1" | grep -q -e "$2"; }

# The shell of TERMINAL.
shell_of() { as "$(owner "$1")" tmux list-panes -t "$1" -F '#{pane_pid}'; }

# The tmux server behind TERMINAL.
tmux_of() { as "$(owner "$1")" tmux display-message -p -t "$1" '#{pid}'; }

# start_agent NAME [USER]: a stand_in that the service has found. Sets $NAME to its id, $NAME_pid to its process and
# $NAME_before to its charge: `start_agent alpha` sets $alpha, $alpha_pid and $alpha_before.
start_agent() {
  stand_in "$@"
  know_agent "$1"
}

# know_agent NAME: waits until the service has found the agent in the terminal NAME, and sets what start_agent sets.
know_agent() {
  wait_until 30 knows "$(id_of "$1")"
  declare -g "$1=$(id_of "$1")" "${1}_pid=$(pid_of "$1")"
  declare -g "${1}_before=$(charge_of "$(id_of "$1")")"
}

# stand_in NAME [USER]: an idle agent in a terminal of that name, a hog in place of Claude Code's program, whether or not a
# service runs. It obeys what is typed (see hog/main.rs): `tool`, `child`, `grow`.
stand_in() {
  local name=$1 user=${2-agent} path
  path=$(program_of "$name")
  install -D /usr/local/bin/hog "$path"
  terminal "$name" "$user"
  type_in "$name" "$path --prompt"
  await 30 running "$path" >"$CASE/$name.pid"
}

# several NAME COUNT LINE…: COUNT agents of one program, without terminals; each obeys these lines (see hog/main.rs).
several() {
  local count=$2 path number line do=()
  path=$(program_of "$1")
  for line in "${@:3}"; do do+=(--do "$line"); done
  install -D /usr/local/bin/hog "$path"
  for ((number = 0; number < count; number++)); do
    as agent "$path" "${do[@]}" &
  done
}

program_of() { echo "/opt/agents/$1/node_modules/@anthropic-ai/claude-code/bin/claude.exe"; }

# pid_of NAME: the stand-in's process, also after its exit.
pid_of() { echo "$(<"$CASE/$1.pid")"; }

# id_of NAME: the stand-in's id in the service.
id_of() { echo "claude-$(pid_of "$1")"; }

# running PROGRAM: the oldest process that runs this file; fails when there is none.
running() {
  local found
  found=$(all_running "$1")
  [[ -n $found ]] && head -n 1 <<<"$found"
}

# all_running PROGRAM: every process that runs this file, oldest first.
all_running() {
  # find complains about every process that exits while it reads.
  { find /proc -maxdepth 2 -path '/proc/[0-9]*/exe' -lname "$1" -printf '%h\n' 2>/dev/null || true; } \
    | sort -t/ -k3n | sed 's,.*/,,'
}

# alive PID…: all of them run and are no zombies.
alive() {
  local pid key value
  for pid; do
    while IFS=$'\t' read -r key value; do [[ $key == State: ]] && break; done 2>/dev/null </proc/"$pid"/status || return 1
    [[ $value == [!ZX]* ]] || return 1
  done
}

# gone PID…: none of them runs.
gone() {
  local pid
  for pid; do
    if alive "$pid"; then return 1; fi
  done
}

# leaks: the processes of /usr/local/bin/hog, oldest first; fails when there is none.
leaks() { pgrep --exact hog; }

# leak_count: how many there are.
leak_count() { pgrep --exact --count hog || true; }

# pid_of_command COMMAND-LINE [PGREP-OPTION…]: the processes with exactly this command line; fails when there is none.
pid_of_command() { pgrep --full --exact "$@"; }

# state_of PID: the letter of proc_pid_stat(5).
state_of() { ps -o stat= -p "$1" | cut -c1; }

# command_of PID: its name, as in /proc/PID/comm.
command_of() { ps -o comm= -p "$1"; }

# session_of PID
session_of() { ps -o sid= -p "$1" | tr -d ' '; }

# The parent of a process.
parent() { ps -o ppid= -p "$1" | tr -d ' '; }

# Anonymous memory of a process in bytes, from /proc/PID/status.
anonymous() { awk '$1 == "RssAnon:" { print $2 * 1024 }' "/proc/$1/status"; }

# How many processes the kernel's OOM killer has killed since boot.
oom_kills() {
  local key value
  while read -r key value; do [[ $key != oom_kill ]] || echo "$value"; done </proc/vmstat
}

# The environment in which a real Claude Code stays at its prompt without a network.
readonly CLAUDE_ENVIRONMENT='ANTHROPIC_API_KEY=sk-dummy ANTHROPIC_BASE_URL=http://127.0.0.1:9 DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1'

# The same for Codex and Gemini; their files come from image/late.sh.
readonly CODEX_ENVIRONMENT='OPENAI_API_KEY=sk-dummy'
readonly GEMINI_ENVIRONMENT='GEMINI_API_KEY=dummy GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:9'
