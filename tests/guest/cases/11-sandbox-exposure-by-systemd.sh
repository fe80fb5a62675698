# What systemd makes of the unit's sandbox, beside those of its peers. Theirs see less: earlyoom is no root, and neither
# reads other users' executables and environments or writes to cgroups.
# guest: usual=trixie

exposure() { systemd-analyze security --no-pager --json=short "$1" >"$CASE/$1.json" || true; systemd-analyze security --no-pager "$1" | grep -o 'Overall exposure level for [^:]*: [0-9.]*' | grep -o '[0-9.]*$'; }
ours=$(exposure claude-watchdog.service)
figure ours "$ours"
for peer in earlyoom systemd-oomd; do
  systemctl unmask --quiet "$peer.service"
  afterwards "systemctl mask --quiet --now $peer.service"
  figure "$peer" "$(exposure "$peer.service")"
done
expect 'systemd calls it OK or better' awk -v level="$ours" 'BEGIN { exit !(level > 0 && level < 4.0) }'
systemd-analyze verify claude-watchdog.service >"$CASE/verify" 2>&1
expect_is 'it has nothing to say of the unit itself' "$(grep -c claude-watchdog "$CASE/verify" || true)" 0
