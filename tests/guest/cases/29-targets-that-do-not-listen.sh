# A target that is stopped and one that is frozen are ended all the same, by SIGKILL after their grace.
# guest: usual=trixie
# timeout: 200

lines 200M 300M '[act]
grace = "2s"'
ooms=$(oom_kills)
stand_in alpha
wait_for 30 "knows $(id_of alpha)"
cgroup case-frozen

for kind in stopped frozen; do
  type_in alpha 'tool hog --until 250M; sleep 1000'
  wait_for 30 leaks
  deaf=$(leaks)
  wait_for 60 "(( \$(anonymous $deaf) >= 250 << 20 ))"
  case $kind in
    stopped) kill -STOP "$deaf" ;;
    frozen)
      echo "$deaf" >/sys/fs/cgroup/case-frozen/cgroup.procs
      echo 1 >/sys/fs/cgroup/case-frozen/cgroup.freeze
      wait_for 10 'grep -q "^frozen 1" /sys/fs/cgroup/case-frozen/cgroup.events'
      ;;
  esac
  before=$(count acted)
  # The rest of what is over the line is the agent's own, and too small to be guilty.
  type_in alpha 'grow 70M'
  wait_for 60 "gone $deaf"
  wait_for 60 "(( \$(count acted) > $before ))"
  expect_is "$kind: it was the culprit" "$(last_field act CULPRIT_PID)" "$deaf"
  figure $kind "$((($(last_field acted __MONOTONIC_TIMESTAMP) - $(last_field act __MONOTONIC_TIMESTAMP)) / 1000)) ms"
  type_in alpha 'grow 0M'
  updates 2
done
expect 'agent and shell live' alive "$(pid_of alpha)" "$(shell_of alpha)"
expect_is 'both in one round' "$(count act)" 2
expect_is 'the kernel killed nobody' "$(oom_kills)" "$ooms"
