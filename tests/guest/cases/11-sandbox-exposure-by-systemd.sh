# systemd rates the unit's sandbox OK or better; figures of its peers for comparison. The peers need fewer rights: earlyoom does
# not run as root, and neither reads other users' executables and environments or writes to cgroups.
# guest: usual=trixie

exposure() { systemd-analyze security --no-pager --json=short "$1" >"$CASE/$1.json" || true; systemd-analyze security --no-pager "$1" | grep -o 'Overall exposure level for [^:]*: [0-9.]*' | grep -o '[0-9.]*$'; }
ours=$(exposure claude-watchdog.service)
figure ours "$ours"
for peer in earlyoom systemd-oomd; do
  systemctl unmask --quiet "$peer.service"
  afterwards "systemctl mask --quiet --now $peer.service"
  figure "$peer" "$(exposure "$peer.service")"
done
expect 'systemd rates it OK or better' awk -v level="$ours" 'BEGIN { exit !(level > 0 && level < 4.0) }'
systemd-analyze verify claude-watchdog.service >"$CASE/verify" 2>&1
expect_is 'systemd-analyze verify finds nothing in the unit' "$(grep -c claude-watchdog "$CASE/verify" || true)" 0
