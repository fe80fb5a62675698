# The same in a guest of the usual size, where both the service and earlyoom poll less often.
# guest: memory=16896M releases=trixie
# timeout: 300

idle_guest "${CASE_SECONDS:-20}"
