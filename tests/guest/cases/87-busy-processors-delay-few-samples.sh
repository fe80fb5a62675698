# With twelve processes that want the processor all the time, the service keeps most of its appointments.
# guest: releases=trixie
# timeout: 200

afterwards 'rm -rf /run/systemd/system/claude-watchdog.service.d; systemctl daemon-reload; systemctl restart claude-watchdog.service'
thresholds 150M 300M
start_agent alpha
# Near its line, so that it is looked at often.
type_in alpha 'grow 290M'
wait_until 30 charge_of "$alpha" -ge $((280 << 20))
cat >/tmp/case-busy <<'BUSY'
#!/bin/bash
for ((n = 0; n < $1; n++)); do (while :; do :; done) & done
wait
BUSY
afterwards 'systemctl stop case-busy.service; rm -f /tmp/case-busy'
chmod +x /tmp/case-busy

# watch NAME: how it kept its appointments under load.
watch() {
  restart_service
  systemd-run --quiet --collect --unit=case-busy /tmp/case-busy 4
  as agent systemd-run --user --quiet --collect --unit=case-busy /tmp/case-busy 8
  sleep "${CASE_SECONDS:-6}"
  read -r woken missed late < <(health '.supervisor | "\(.glances) \(.missed) \(.worst_late_usec)"')
  systemctl stop case-busy.service
  as agent systemctl --user stop case-busy.service
  figure "$1" "$woken looks $missed late $late us at worst"
}

watch shipped
expect 'it looked often' test "$woken" -ge 20
expect 'most were on time' test $((missed * 3)) -le "$woken"
# The rest are figures for whoever asks for them.
if [[ -z ${CASE_SECONDS-} ]]; then exit 0; fi
mkdir -p /run/systemd/system/claude-watchdog.service.d
printf '[Service]\nNice=0\nCPUWeight=100\n' >/run/systemd/system/claude-watchdog.service.d/case.conf
systemctl daemon-reload
watch 'without its priority'
printf '[Service]\nCPUSchedulingPolicy=rr\nCPUSchedulingPriority=1\n' >/run/systemd/system/claude-watchdog.service.d/case.conf
systemctl daemon-reload
watch 'as realtime'
