# The same in a guest of a size in which agents live: earlyoom and ours have more time there between two glances.
# guest: memory=16896M releases=trixie
# timeout: 300

idle_guest "${CASE_SECONDS:-20}"
