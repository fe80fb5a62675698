# A stopped and a frozen target are killed nevertheless: by SIGTERM, although they do not run, or if they ignore that, by SIGKILL
# after the grace.
# guest: usual=trixie
# timeout: 200

thresholds 200M 300M '[act]
grace = "2s"'
ooms=$(oom_kills)
start_agent alpha
cgroup case-frozen

for kind in stopped frozen 'stopped and deaf' 'frozen and deaf'; do
  ignore=
  if [[ $kind == *deaf ]]; then ignore=--ignore-term; fi
  type_in alpha "tool hog $ignore --until 250M; sleep 1000"
  deaf=$(await 30 leaks)
  wait_until 60 anonymous "$deaf" -ge $((250 << 20))
  case $kind in
    stopped*) kill -STOP "$deaf" ;;
    frozen*)
      echo "$deaf" >/sys/fs/cgroup/case-frozen/cgroup.procs
      echo 1 >/sys/fs/cgroup/case-frozen/cgroup.freeze
      wait_until 10 grep -q '^frozen 1' /sys/fs/cgroup/case-frozen/cgroup.events
      ;;
  esac
  before=$(count acted) killed=$(count signal SIGNAL=KILL)
  # The agent's own memory brings the sum over the threshold, but is too small to be the culprit.
  type_in alpha 'grow 70M'
  wait_until 60 gone "$deaf"
  wait_until 60 count acted -gt "$before"
  expect_is "$kind: it was the culprit" "$(last_field act CULPRIT_PID)" "$deaf"
  case $kind in
    *deaf) expect_is "$kind: SIGTERM, then SIGKILL" "$(count signal SIGNAL=KILL)" $((killed + 1)) ;;
    *) expect_is "$kind: SIGTERM only" "$(count signal SIGNAL=KILL)" "$killed" ;;
  esac
  figure "$kind" "$((($(last_field acted __MONOTONIC_TIMESTAMP) - $(last_field act __MONOTONIC_TIMESTAMP)) / 1000)) ms"
  type_in alpha 'grow 0M'
  updates 2
  echo 0 >/sys/fs/cgroup/case-frozen/cgroup.freeze
done
expect 'agent and shell are alive' alive "$alpha_pid" "$(shell_of alpha)"
expect_is 'one action each' "$(count act)" 4
expect_is 'no OOM kill by the kernel' "$(oom_kills)" "$ooms"
