# What was recorded of memory outlives kill -9, a broken file, a full disk and a clock that jumps; a clone begins anew.
# guest: usual=trixie clock=fast memory=2G
# timeout: 8000

state=/var/lib/claude-watchdog
trend() { vm-health-check --trend --json --since 3h >"$CASE/trend.json" || true; jq -r "$1" "$CASE/trend.json"; }
said() { journalctl --quiet --no-pager --since="$CASE_SINCE" -u claude-watchdog.service --output=cat --grep "$1" | wc -l; }
again() {
  wait_until 60 service_is_active
}
start_agent alpha
type_in alpha 'grow 200M'
wait_until 60 charge_of "$alpha" -gt $((150 << 20))
sleep 300

# Nothing more than the last minute is lost, and the agent's record is one.
before=$(trend '.agents[0].points | length')
restarts=$(property NRestarts)
kill -KILL "$(daemon_pid)"
killed=$EPOCHSECONDS
wait_until 60 property NRestarts -gt "$restarts"
again
of_before="[.agents[] | select(.id == \"$alpha\") | .points[] | select(.time + .seconds < $killed)]"
expect_is 'most of it is there' "$(trend "$of_before | length >= 3 and (map(.max) | max) > 150 * 1048576")" true
expect_is 'once' "$(trend ".agents | length")" 1
expect_is 'nothing was wrong with it' "$(said 'record of memory')" 0
expect_is 'nobody else reads it' "$(stat -c '%a %U' $state $state/history.redb | xargs)" '700 root 600 root'
figure before "$before points"
figure after "$(trend "$of_before | length") points"
figure file "$(($(stat -c %s $state/history.redb) >> 10))K"

# A file that is broken.
systemctl stop claude-watchdog.service
dd if=/dev/urandom of=$state/history.redb bs=512 seek=3 count=64 conv=notrunc status=none
systemctl start claude-watchdog.service
again
wait_until 60 said 'the record of memory begins anew, its file is not usable' -eq 1
expect 'it is kept' test -s $state/history.redb.corrupt
expect_is 'the record begins anew' "$(trend "$of_before | length")" 0
afterwards "rm -f $state/history.redb.*"

# A clone's first boot.
sleep 130
systemctl stop claude-watchdog.service
echo 0123456789abcdef0123456789abcdef >/run/guest/another-machine
mkdir -p /run/systemd/system/claude-watchdog.service.d
afterwards 'rm -rf /run/systemd/system/claude-watchdog.service.d /run/guest/another-machine; systemctl daemon-reload'
printf '[Service]\nBindReadOnlyPaths=/run/guest/another-machine:/etc/machine-id\n' \
  >/run/systemd/system/claude-watchdog.service.d/clone.conf
systemctl daemon-reload
started=$EPOCHSECONDS
systemctl start claude-watchdog.service
again
wait_until 60 said "what is there is another machine's" -eq 1
expect_is "nothing of its image's" "$(trend "[.guest.points[] | select(.time + .seconds < $started)] | length")" 0

# A clock that jumps.
sleep 70
date --set='+2 hours' >/dev/null
afterwards 'date --set="-2 hours" >/dev/null'
wait_until 90 trend '.breaks[-1].kind' == clock
expect_is 'told once' "$(said 'the wall clock jumped')" 1
expect_is 'points before and after' "$(trend "(.guest.points | map(.time) | max - min) > 7000")" true

# A disk that is full, and has room again.
systemctl stop claude-watchdog.service
afterwards "systemctl stop claude-watchdog.service; umount $state"
mount -t tmpfs -o size=64K,mode=0700 tmpfs $state
systemctl start claude-watchdog.service
again
sleep 200
expect_is 'told once' "$(said 'stays in memory')" 1
expect_is 'it goes on in memory' "$(trend ".agents[0].points | length > 10")" true
mount -o remount,size=64M $state
wait_until 200 said 'is written to .* again' -eq 1
expect 'there it is' test -s $state/history.redb
expect_is 'with what was in memory' "$(systemctl restart claude-watchdog.service; again; trend '.guest.points | length > 3')" true
