complete -c vm-health-check -l since -d 'With --trend: of how much time, 1m to 30d' -r
complete -c vm-health-check -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c vm-health-check -l json -d 'Print everything as one JSON object'
complete -c vm-health-check -l oneline -d 'Print one line of at most 80 columns, within 50 ms: for a prompt or a tmux status line'
complete -c vm-health-check -s t -l trend -d 'Show how memory went and where it leads: a chart, the rate, the forecast'
complete -c vm-health-check -l no-color -d 'No colour, whatever the terminal can do (so does `NO_COLOR`)'
complete -c vm-health-check -s h -l help -d 'Print help'
