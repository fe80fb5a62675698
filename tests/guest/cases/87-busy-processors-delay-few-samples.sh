# With twelve busy processes most samples of the service are in time.
# guest: releases=trixie
# timeout: 200

afterwards 'rm -rf /run/systemd/system/claude-watchdog.service.d; systemctl daemon-reload; systemctl restart claude-watchdog.service'
thresholds 150M 300M
start_agent alpha
# Near its threshold, so that it is sampled often.
type_in alpha 'grow 290M'
wait_until 30 charge_of "$alpha" -ge $((280 << 20))
cat >/tmp/case-busy <<'BUSY'
#!/bin/bash
for ((n = 0; n < $1; n++)); do (while :; do :; done) & done
wait
BUSY
afterwards 'systemctl stop case-busy.service; rm -f /tmp/case-busy'
chmod +x /tmp/case-busy

# measure_delays NAME: polls under load and how many were late.
measure_delays() {
  restart_service
  wait_until 30 knows "$alpha"
  systemd-run --quiet --collect --unit=case-busy /tmp/case-busy 4
  as agent systemd-run --user --quiet --collect --unit=case-busy /tmp/case-busy 8
  # The time that is measured.
  sleep "${CASE_SECONDS:-6}"
  read -r all late worst_late < <(health '.supervisor | "\(.polls) \(.late_wakeups) \(.max_late_usec)"')
  systemctl stop case-busy.service
  as agent systemctl --user stop case-busy.service
  figure "$1" "$all polls $late late $worst_late us at worst"
}

measure_delays shipped
expect 'many polls' test "$all" -ge 20
expect 'most of them in time' test $((late * 3)) -le "$all"
# The rest are figures, made only on request.
if [[ -z ${CASE_SECONDS-} ]]; then exit 0; fi
mkdir -p /run/systemd/system/claude-watchdog.service.d
printf '[Service]\nNice=0\nCPUWeight=100\n' >/run/systemd/system/claude-watchdog.service.d/case.conf
systemctl daemon-reload
measure_delays 'without its priority'
printf '[Service]\nCPUSchedulingPolicy=rr\nCPUSchedulingPriority=1\n' >/run/systemd/system/claude-watchdog.service.d/case.conf
systemctl daemon-reload
measure_delays 'as realtime'
