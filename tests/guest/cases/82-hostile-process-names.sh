# Processes with names that look like the end of a stat line, contain a newline or are no UTF-8 are members like others.
# guest: usual=trixie
# timeout: 180

thresholds 500M 800M
start_agent alpha
mkdir -p /tmp/case
names=('foo) Z 1' $'a\nState:\tZ' $'\xff\xfe\x80' ') R 1 1 1 1 (x' '{"pid":1}' $'\e[2J')
for number in "${!names[@]}"; do
  cp /usr/local/bin/hog "/tmp/case/${names[number]}"
  # A script with a name that can be typed executes the file.
  printf '#!/bin/bash\nexec %q "$@"\n' "/tmp/case/${names[number]}" >"/tmp/case/run$number"
  chmod -R a+rx /tmp/case
  type_in alpha "tool /tmp/case/run$number --until 50M"
done
expect_charge 'all of them' "$alpha" $((alpha_before + (${#names[@]} * 50 << 20)))
figure charge "$(mib "$charge")"

hostile=$(pgrep --parent "$(pgrep --parent "$alpha_pid" --oldest)")
expect_is 'the name is the hostile one' "$(cat "/proc/$hostile/comm")" "${names[0]}"
type_in alpha 'tool /tmp/case/run0 --rate 100M --until 700M; echo $? >code; sleep 1000'
wait_until 90 count acted -eq 1
wait_until 30 test -s /home/agent/work/code
expect_is 'a leak with such a name got SIGTERM' "$(cat /home/agent/work/code)" 143
expect 'the agent and the others are alive' alive "$alpha_pid" "$hostile"
expect 'the health check works' vm-health-check
expect_not 'no control characters' grep -q $'\e' <(vm-health-check)
