# Where under the wall a brake should bite, and whom it stalls.
# timeout: 900
chmod 777 "$CASE"
cat >/usr/local/bin/case-churn <<'END'
#!/usr/bin/env python3
# Holds $1 MiB and takes and gives back $2 MiB, $3 times: seconds.
import sys, time, mmap
def take(mib):
    m = mmap.mmap(-1, mib << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    m.madvise(15) if hasattr(m, 'madvise') else None
    for o in range(0, mib << 20, 4096): m[o] = 1
    return m
kept = take(int(sys.argv[1]))
begun = time.monotonic()
for _ in range(int(sys.argv[3])):
    take(int(sys.argv[2])).close()
print(f"{time.monotonic() - begun:.2f}")
END
cat >/usr/local/bin/case-cache <<'END'
#!/bin/sh
begun=$(date +%s.%N)
dd if=/dev/zero of=/var/tmp/case-cache bs=1M count=600 2>/dev/null
cat /var/tmp/case-cache >/dev/null
end=$(date +%s.%N)
awk "BEGIN { printf \"%.2f\n\", $end - $begun }"
END
chmod 755 /usr/local/bin/case-churn /usr/local/bin/case-cache
systemctl stop claude-watchdog.service claude-watchdog.socket
limit=$((400 << 20)) line=$((400 * 31 / 32)) # MiB
scope() { # NAME HIGH COMMAND
  systemd-run --quiet --scope --unit="$1" -p MemoryMax=$limit -p MemorySwapMax=0 -p MemoryHigh="$2" "${@:3}"
}
n=0
for swap in 0; do
for high in infinity 382 384 387 390 394; do
  bytes=$high; [[ $high == infinity ]] || bytes=$((high << 20))
  for hold in 340 376; do
    n=$((n+1)); figure "churn:$high:$hold+8" "$(scope p$n "$bytes" timeout 60 case-churn $hold 8 30 || echo timeout)"
  done
  n=$((n+1)); figure "cache:$high" "$(scope p$n "$bytes" timeout 100 case-cache)"
  n=$((n+1)); begun=$EPOCHREALTIME; scope p$n "$bytes" timeout 20 hog --until 1G --rate 10G >/dev/null 2>&1 || code=$?
  figure "leak:$high" "$(awk "BEGIN { printf \"%.2fs\", $EPOCHREALTIME - $begun }"):$code"
done
done
systemctl start claude-watchdog.socket claude-watchdog.service
