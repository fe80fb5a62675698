complete -c run-claude-limited -l swap -d 'Swap beside the limit [default: a sixteenth of it, 512M at most]' -r
complete -c run-claude-limited -l name -d 'What its scope is called by [default: the command]' -r
complete -c run-claude-limited -l restart -d 'Whether it is run again where memory ended it, as its kind takes up its work' -r -f -a "never\t'Never'
on-oom\t'Where the kernel or the supervisor ended it for want of memory'"
complete -c run-claude-limited -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c run-claude-limited -l report -d 'Say in one line at the end who was ended where memory was the cause, and how to go on'
complete -c run-claude-limited -l best-effort -d 'Run it without a limit where none can be had, and say so'
complete -c run-claude-limited -s h -l help -d 'Print help (see more with \'--help\')'
