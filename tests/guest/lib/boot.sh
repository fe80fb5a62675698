# One guest from power-on to power-off. A boot is a directory:
#   console   output of the kernel and systemd       report    the report of inside/main (lib/report.sh)
#   payload/  and payload.img, given to the guest    pid       of qemu
#   shell     a socket to a root shell, with --keep  slow.img  a disk that is equally slow on every machine
#   results   a result a case                        slowness  of the machine, in percent
readonly SLOW_DISK=2G
# Bytes and requests a second of a rotating disk. The other disks are as fast as the machine.
readonly SLOW_DISK_RATE=throttling.bps-total=16777216,throttling.iops-total=200

# The accelerator that works on this machine: kvm or tcg.
# A /dev/kvm may exist and yet not run a stock kernel, so a kernel is started until its first message.
boot_accelerator() {
  local image=$1 output pid accelerator=tcg deadline=$((SECONDS + 8))
  [[ -w /dev/kvm ]] || { echo tcg; return; }
  output=$(mktemp)
  qemu-system-x86_64 -accel kvm -cpu host -m 512 -nic none -display none -monitor none -no-reboot -serial stdio \
    -kernel "$image/vmlinuz" -append 'console=ttyS0 earlyprintk=serial panic=-1' </dev/null >"$output" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do
    if grep -q 'Linux version' "$output"; then accelerator=kvm; break; fi
    if grep -q 'KVM internal error' "$output"; then break; fi
    sleep 0.2
  done
  kill "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  rm -f "$output"
  echo "$accelerator"
}

# Starts a guest of RELEASE with MEMORY in DIRECTORY; it runs its payload and powers off.
# A fast clock counts instructions, 32 ns each, and skips idle time: hours pass in minutes.
boot_start() {
  local release=$1 memory=${2%+fast} dir=$3 image cpu=max keep=() machine=(-accel "$accelerator" -smp 2) priority=()
  image=$(image_of "$release")
  mke2fs -q -t ext4 -L payload -d "$dir/payload" -F "$dir/payload.img" 64M >/dev/null
  truncate --size "$SLOW_DISK" "$dir/slow.img"
  : >"$dir/report"
  if [[ $2 == *+fast ]]; then
    machine=(-accel tcg -smp 1 -icount 'shift=5,sleep=off' -rtc clock=vm)
    priority=(nice -n 19)
  elif [[ $accelerator == kvm ]]; then
    cpu=host
  fi
  if [[ -n $option_keep ]]; then keep=(-serial "unix:$dir/shell,server=on,wait=off"); fi

  # no_timer_check: on a busy machine an emulated timer may be too late for the kernel's self-test, which then panics.
  ${priority[@]+"${priority[@]}"} qemu-system-x86_64 "${machine[@]}" -cpu "$cpu" -m "$memory" \
    -kernel "$image/vmlinuz" -initrd "$image/initrd" \
    -append "console=ttyS0 root=/dev/vda rw quiet panic=-1 no_timer_check systemd.show_status=0 mitigations=off" \
    -drive "file=$image/disk.img,if=virtio,format=raw,snapshot=on" \
    -drive "file=$dir/payload.img,if=virtio,format=raw,readonly=on" \
    -drive "file=$dir/slow.img,if=virtio,format=raw,cache=unsafe,$SLOW_DISK_RATE" \
    -nic none -display none -monitor none -no-reboot \
    -serial "file:$dir/console" -serial "file:$dir/report" ${keep[@]+"${keep[@]}"} \
    </dev/null >"$dir/qemu.log" 2>&1 &
  echo $! >"$dir/pid"
  boot_watch "$dir" &
}

# Reports the exit of a guest. Its qemu stays a zombie until it is waited for, which `tail --pid` takes for alive. A kernel that
# panicked while it patched itself (once in a hundred emulated boots) hung instead of rebooting. Without this, the cases
# of such a guest would take their whole timeouts.
boot_watch() {
  local dir=$1 pid stat
  pid=$(<"$dir/pid")
  while read -r stat 2>/dev/null <"/proc/$pid/stat"; do
    if [[ $stat == *') Z '* ]]; then
      echo gone >>"$dir/report"
      return
    fi
    sleep 2
    if grep -qs 'Kernel panic - not syncing' "$dir/console"; then kill -KILL "$pid"; fi
  done
}

boot_stop() {
  local dir=$1
  kill -KILL "$(<"$dir/pid")" 2>/dev/null
  wait "$(<"$dir/pid")" 2>/dev/null
}
