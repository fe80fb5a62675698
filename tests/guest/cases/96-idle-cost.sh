# Supervising a quiet guest of 300 processes costs not much more than earlyoom and systemd-oomd in the same minute.
# guest: memory=2G releases=trixie
# timeout: 300

idle_guest "${CASE_SECONDS:-30}"
