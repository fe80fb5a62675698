complete -c run-claude-limited -l swap -d 'Swap limit in addition to LIMIT [default: 1/16 of LIMIT, at most 512M]' -r
complete -c run-claude-limited -l name -d 'Name of the systemd scope [default: the command]' -r
complete -c run-claude-limited -l restart -d 'Restart the command if it was killed for memory (with its resume option)' -r -f -a "never\t'Do not restart'
on-oom\t'Only if killed by the kernel or claude-watchdog for memory'"
complete -c run-claude-limited -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c run-claude-limited -l report -d 'Print one line if the command was killed for memory, and how to resume it'
complete -c run-claude-limited -l best-effort -d 'Run without a limit if none can be applied, with a warning'
complete -c run-claude-limited -s h -l help -d 'Print help (see more with \'--help\')'
