# The guest itself, changed for a case and put back afterwards.

# Which Debian it is: bookworm or trixie.
release() { (source /etc/os-release && echo "$VERSION_CODENAME"); }

# afterwards 'SHELL COMMANDS': once the case is over and its users' processes are gone, the last said first.
afterwards() { echo "$1" >>"$CASE/afterwards"; }

# swap SIZE: a swap file of that size.
swap() {
  afterwards 'swapoff /var/tmp/case-swap; rm -f /var/tmp/case-swap'
  fallocate --length "$1" /var/tmp/case-swap
  chmod 600 /var/tmp/case-swap
  mkswap --quiet /var/tmp/case-swap
  swapon /var/tmp/case-swap
}

# setting NAME VALUE: a sysctl.
setting() {
  afterwards "sysctl --quiet --write '$1=$(sysctl --values "$1")'"
  sysctl --quiet --write "$1=$2"
}

# cgroup NAME PID…: a fresh one outside of everything that systemd manages, with these processes.
cgroup() {
  local path=/sys/fs/cgroup/$1 pid
  shift
  afterwards "rmdir $path"
  mkdir "$path"
  for pid; do echo "$pid" >"$path/cgroup.procs"; done
}
