# The memory history survives kill -9, a corrupt file, a full disk and a clock that jumps; a clone starts a new one.
# guest: usual=trixie clock=fast memory=2G
# timeout: 8000

# Fixed times here are minutes of history. Idle time costs this guest nothing, whereas checking for them would.
record_for() {
  progress "recording for $1 s"
  sleep "$1"
}

state=/var/lib/claude-watchdog
trend() { vm-health-check --trend --json --since 3h >"$CASE/trend.json" || true; jq -r "$1" "$CASE/trend.json"; }
is_up() {
  wait_until 60 service_is_active
  wait_until 60 knows "$alpha"
}
start_agent alpha
type_in alpha 'grow 200M'
wait_until 60 charge_of "$alpha" -gt $((150 << 20))
record_for 300

# At most the last minute is lost, and the agent has one history.
before=$(trend '.agents[0].points | length')
restarts=$(property NRestarts)
kill -KILL "$(daemon_pid)"
killed=$EPOCHSECONDS
wait_until 60 property NRestarts -gt "$restarts"
is_up
of_before="[.agents[] | select(.id == \"$alpha\") | .points[] | select(.time + .seconds < $killed)]"
expect_is 'most of the history is there' "$(trend "$of_before | length >= 3 and (map(.max) | max) > 150 * 1048576")" true
expect_is 'once' "$(trend '.agents | length')" 1
expect_is 'the file was intact' "$(ls $state/history.redb.* 2>/dev/null || true)" ''
expect_is 'only root reads it' "$(stat -c '%a %U' $state $state/history.redb | xargs)" '700 root 600 root'
figure before "$before points"
figure after "$(trend "$of_before | length") points"
figure file "$(($(stat -c %s $state/history.redb) >> 10))K"

# A corrupt file.
systemctl stop claude-watchdog.service
dd if=/dev/urandom of=$state/history.redb bs=512 seek=3 count=64 conv=notrunc status=none
systemctl start claude-watchdog.service
is_up
wait_until 60 test -s $state/history.redb.corrupt
expect_is 'logged once' "$(logged 'history starts anew, its file is not usable')" 1
expect_is 'the history starts anew' "$(trend "$of_before | length")" 0
afterwards "rm -f $state/history.redb.*"

# A clone's first boot.
record_for 130
systemctl stop claude-watchdog.service
echo 0123456789abcdef0123456789abcdef >/run/guest/another-machine
mkdir -p /run/systemd/system/claude-watchdog.service.d
afterwards 'rm -rf /run/systemd/system/claude-watchdog.service.d /run/guest/another-machine; systemctl daemon-reload'
printf '[Service]\nBindReadOnlyPaths=/run/guest/another-machine:/etc/machine-id\n' \
  >/run/systemd/system/claude-watchdog.service.d/clone.conf
systemctl daemon-reload
started=$EPOCHSECONDS
systemctl start claude-watchdog.service
is_up
wait_until 60 logged 'history starts anew, its file belongs to another machine' -eq 1
expect_is 'no history of its image' "$(trend "[.guest.points[] | select(.time + .seconds < $started)] | length")" 0

# A clock that jumps.
record_for 70
date --set='+2 hours' >/dev/null
afterwards 'date --set="-2 hours" >/dev/null'
wait_until 90 trend '.breaks[-1].kind' == clock
expect_is 'logged once' "$(logged 'the wall clock jumped')" 1
expect_is 'points before and after' "$(trend "(.guest.points | map(.time) | max - min) > 7000")" true

# A full disk, and space again.
systemctl stop claude-watchdog.service
afterwards "systemctl stop claude-watchdog.service; umount $state"
mount -t tmpfs -o size=64K,mode=0700 tmpfs $state
systemctl start claude-watchdog.service
is_up
record_for 200
expect_is 'logged once' "$(logged 'cannot write history to .*; keeping it in memory')" 1
expect_is 'the history continues in memory' "$(trend '.agents[0].points | length > 10')" true
mount -o remount,size=64M $state
wait_until 200 logged 'history is written to .* again' -eq 1
expect 'the file is there' test -s $state/history.redb
systemctl restart claude-watchdog.service
is_up
expect_is 'with the history from memory' "$(trend '.guest.points | length > 3')" true
