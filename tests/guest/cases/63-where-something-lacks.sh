# In a container of its own, without systemd and cgroups and without root, the daemon sees, charges and ends its user's agents, and says
# once what lacks. Where nothing lacks, as in this guest, it says nothing of the kind.
# guest: usual=bookworm

lacking='not root|no systemd|cgroup|container|no memory pressure'
expect_is 'the service lacks nothing' "$(health ".notes[] | select(test(\"$lacking\"))")" ''
expect_is 'and says so by silence' "$(journalctl --quiet --no-pager -b -u claude-watchdog.service --output=cat \
  | grep -cE "^($lacking)" || true)" 0

path=$(program_of inner)
install -D /usr/local/bin/hog "$path"
mkdir -p /tmp/case/config
chown -R other: /tmp/case
printf '[lines]\nwarn = "100M"\nkill = "200M"\n' >/tmp/case/config/config.toml
cat >/tmp/case/inside <<INSIDE
mount -t tmpfs none /sys/fs/cgroup
mount -t tmpfs none /run/systemd
export container=case
exec setpriv --reuid 1001 --regid 1001 --clear-groups env -i PATH=/usr/bin:/bin HOME=/home/other container=case sh -c '
  $path --do "tool hog --rate 60M --until 400M; echo \\\$? >/tmp/case/code" &
  exec claude-watchdog daemon --socket /tmp/case/socket --config /tmp/case/config/config.toml 2>/tmp/case/log'
INSIDE
unshare --pid --mount --fork --mount-proc --kill-child sh /tmp/case/inside &
inside=$!
afterwards 'pkill -KILL -f /tmp/case/inside; rm -rf /tmp/case'
wait_for 60 'test -s /tmp/case/code'
expect_is 'the leak was asked to end' "$(cat /tmp/case/code)" 143
as other env CLAUDE_WATCHDOG_SOCKET=/tmp/case/socket vm-health-check --json >"$CASE/inner.json" || true
expect_is 'one agent is seen' "$(jq -r '.agents | length' "$CASE/inner.json")" 1
expect_is 'and what was done' "$(jq -r '.actions | length' "$CASE/inner.json")" 1
for line in 'not root: ' 'no systemd: ' 'no cgroups in ' 'in a container (case): '; do
  expect_is "said once: $line" "$(grep -cF "$line" /tmp/case/log)" 1
done
kill -KILL "$inside"
figure lines "$(jq -r '.notes | length' "$CASE/inner.json")"
