# What the service logged since the case began. Selected by time, because journalctl's --after-cursor combined with matches
# loses the first entry.

# events [ACTION] [FIELD=VALUE…]: as JSON, one a line, oldest first.
events() {
  local action=${1-}
  if (($#)); then shift; fi
  journalctl --quiet --no-pager --output=json --since="$CASE_SINCE" \
    _SYSTEMD_UNIT=claude-watchdog.service ${action:+"ACTION=$action"} "$@"
}

# count [ACTION] [FIELD=VALUE…]
count() { events "$@" | grep -c . || true; }

# field ACTION FIELD [FIELD=VALUE…]: of the first such event; empty when there is none.
field() {
  local action=$1 field=$2
  shift 2
  events "$action" "$@" | jq -rs --arg field "$field" '.[0][$field] // empty'
}

# last_field ACTION FIELD: of the last such event.
last_field() { events "$1" | jq -rs --arg field "$2" '.[-1][$field] // empty'; }

# The actions of one agent in their order, as `found warn act acted`.
actions_of() { events '' "AGENT_ID=$1" | jq -rs '[.[].ACTION | select(. != null)] | join(" ")'; }

# logged REGEX: how many messages of the unit since the case began match. For events use `count`: their fields are stable,
# sentences are not.
logged() {
  { journalctl --quiet --no-pager --since="$CASE_SINCE" --unit=claude-watchdog.service --output=cat --grep="$1" || true; } | wc -l
}
