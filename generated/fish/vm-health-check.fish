complete -c vm-health-check -l since -d 'Time span to show with --trend, 1m to 30d' -r
complete -c vm-health-check -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c vm-health-check -l json -d 'Print as one JSON object'
complete -c vm-health-check -l oneline -d 'Print one line of at most 80 columns within 50 ms (for a prompt or tmux)'
complete -c vm-health-check -s t -l trend -d 'Show memory history as a chart, with growth rate and forecast'
complete -c vm-health-check -l no-color -d 'Disable colour (same as setting `NO_COLOR`)'
complete -c vm-health-check -s h -l help -d 'Print help'
