# A purge leaves nothing: no file, no link, no unit, no process.
# guest: usual=trixie

install -D /dev/null /var/lib/claude-watchdog/case
printf '[thresholds]\nwarn = "333M"\n' >/etc/claude-watchdog/config.toml.d/50-case.toml
dpkg --purge claude-watchdog

traces=$(find / -xdev \( -path /mnt -o -path /proc -o -path /run/guest -o -path /sys \) -prune -o \
  \( -name '*claude-watchdog*' -o -name vm-health-check -o -name run-claude-limited -o -name agent-session \
  -o -name agents.slice -o -name claude-memory-watchdog \) -print)
runtime=$(find /run -name '*claude-watchdog*' -not -path '/run/guest/*' -not -path '/run/log/*')
expect_is 'no file' "$traces$runtime" ''
expect_is 'no unit' "$(systemctl list-units --all --no-legend '*claude-watchdog*')" ''
expect_is 'no unit file' "$(systemctl list-unit-files --no-legend '*claude-watchdog*')" ''
expect_is 'no process' "$(pgrep --full /usr/bin/claude-watchdog)" ''
expect_not 'dpkg does not know it' dpkg-query --show claude-watchdog
