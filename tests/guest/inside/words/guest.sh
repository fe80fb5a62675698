# Changes to the guest itself, undone after the case.

# The Debian release: bookworm or trixie.
release() { (source /etc/os-release && echo "$VERSION_CODENAME"); }

# has_varlinkctl: systemd has it since 255. Where it should be, its absence fails the case.
has_varlinkctl() { [[ $(release) != bookworm ]]; }

# afterwards 'SHELL COMMANDS': run after the case, once its users' processes are gone; the last one first.
afterwards() { echo "$1" >>"$CASE/afterwards"; }

# swap SIZE: a swap file of that size.
swap() {
  afterwards '! grep -q ^/var/tmp/case-swap /proc/swaps || swapoff /var/tmp/case-swap; rm -f /var/tmp/case-swap'
  fallocate --length "$1" /var/tmp/case-swap
  chmod 600 /var/tmp/case-swap
  mkswap --quiet /var/tmp/case-swap
  swapon /var/tmp/case-swap
}

# slow_swap: 2G of swap on the slow disk.
slow_swap() {
  afterwards '! grep -q ^/dev/vdc /proc/swaps || swapoff /dev/vdc'
  mkswap --quiet /dev/vdc
  swapon /dev/vdc
}

# setting NAME VALUE: a sysctl.
setting() {
  afterwards "sysctl --quiet --write '$1=$(sysctl --values "$1")'"
  sysctl --quiet --write "$1=$2"
}

# cgroup NAME PID…: a new cgroup outside of systemd's, with these processes.
cgroup() {
  local path=/sys/fs/cgroup/$1 pid
  shift
  afterwards "rmdir $path"
  mkdir "$path"
  for pid; do echo "$pid" >"$path/cgroup.procs"; done
}

# zram SIZE [ALGORITHM]: swap in compressed memory.
zram() {
  local number
  # Loaded without devices: each case adds one.
  modprobe zram num_devices=0
  number=$(cat /sys/class/zram-control/hot_add)
  echo "$number" >"$CASE/zram"
  afterwards "no_zram $number"
  if [[ -n ${2-} ]]; then echo "$2" >"/sys/block/zram$number/comp_algorithm"; fi
  echo "$1" >"/sys/block/zram$number/disksize"
  mkswap --quiet "/dev/zram$number"
  swapon --priority 100 "/dev/zram$number"
}

# no_zram NUMBER: removes that device. A reader keeps a released device busy for a moment (seen with udev).
no_zram() {
  ! grep -q "^/dev/zram$1 " /proc/swaps || swapoff "/dev/zram$1"
  (wait_until 20 remove_zram "$1")
}

remove_zram() { echo 1 >"/sys/block/zram$1/reset" && echo "$1" >/sys/class/zram-control/hot_remove; }

# no_swap: nothing that `swap` and `zram` made is in use any longer.
no_swap() { swapoff --all; }

# room: available memory and free swap of the guest together, in bytes.
room() { awk '$1 == "MemAvailable:" || $1 == "SwapFree:" { sum += $2 } END { printf "%.0f\n", sum * 1024 }' /proc/meminfo; }

# share PERCENT: of the guest's memory, in bytes.
share() { awk -v percent="$1" '$1 == "MemTotal:" { printf "%.0f\n", $2 * 1024 * percent / 100 }' /proc/meminfo; }

# leave_room BYTES: leaves only BYTES, by reserving the rest as unused huge pages. This takes no time, whereas an emulated
# guest would need seconds to touch as much memory.
leave_room() {
  local pages
  pages=$((($(room) - $1) >> 21))
  setting vm.nr_hugepages "$pages"
  expect 'memory could be reserved' test "$(sysctl --values vm.nr_hugepages)" -ge $((pages * 9 / 10))
}

# earlyoom ARGUMENTS…: runs Debian's earlyoom with these.
earlyoom() {
  if [[ ! -e $CASE/earlyoom ]]; then
    cp /etc/default/earlyoom "$CASE/earlyoom"
    afterwards "systemctl mask --quiet --now earlyoom.service; cp $CASE/earlyoom /etc/default/earlyoom"
    systemctl unmask --quiet earlyoom.service
  fi
  echo "EARLYOOM_ARGS=\"$*\"" >/etc/default/earlyoom
  systemctl restart earlyoom.service
}
