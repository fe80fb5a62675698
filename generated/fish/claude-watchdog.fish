# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_claude_watchdog_global_optspecs
    string join \n socket= h/help V/version
end

function __fish_claude_watchdog_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_claude_watchdog_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_claude_watchdog_using_subcommand
    set -l cmd (__fish_claude_watchdog_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -s V -l version -d 'Print version'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "daemon" -d 'Supervise: warn of agents that grow, end what would take the guest down'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "health" -d 'How the guest and its agents are; also called vm-health-check'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "explain" -d 'What the supervisor makes of one process: which agent it belongs to, or why to none'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "events" -d 'What happened of late: agents found and gone, warnings, actions'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "stop" -d 'End an agent now, with all that it started: TERM, the grace, KILL'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "reload" -d 'Have the supervisor read its configuration anew'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "run" -d 'Run a command under a memory limit that holds; also called run-claude-limited'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "replay" -d 'What policy and forecaster would have done with a recorded trace'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "check-config" -d 'Whether the configuration is right, what counts of it, and what its rules match now'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l config -d 'Configuration [default: /etc/claude-watchdog/config.toml, for others than root ~/.config/…]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l proc -d 'Where to read processes from; signals always go to the real ones' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l state-dir -d 'Where the record of memory is kept [default: /var/lib/claude-watchdog, for others than root ~/.local/state/…]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l cgroup -d 'Where to read cgroups from' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l dry-run -d 'Say what would be done, send no signal'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l lift-brakes -d 'Only let go what a supervisor that crashed has left held back below its limit; for the unit'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l since -d 'With --trend: of how much time, 1m to 30d' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l json -d 'Print everything as one JSON object'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l oneline -d 'Print one line of at most 80 columns, within 50 ms: for a prompt or a tmux status line'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -s t -l trend -d 'Show how memory went and where it leads: a chart, the rate, the forecast'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l no-color -d 'No colour, whatever the terminal can do (so does `NO_COLOR`)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand explain" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand explain" -l json -d 'Print everything as one JSON object'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand explain" -l no-color -d 'No colour, whatever the terminal can do (so does `NO_COLOR`)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand explain" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -s n -l last -d 'Only the newest so many [default: all that are kept, with --follow 10]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -s f -l follow -d 'Go on with those that come, until interrupted'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -l json -d 'Print each as one JSON object on a line'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -l no-color -d 'No colour, whatever the terminal can do (so does `NO_COLOR`)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand stop" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand stop" -l json -d 'Print what became of it as one JSON object'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand stop" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand reload" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand reload" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l swap -d 'Swap beside the limit [default: a sixteenth of it, 512M at most]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l name -d 'What its scope is called by [default: the command]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l restart -d 'Whether it is run again where memory ended it, as its kind takes up its work' -r -f -a "never\t'Never'
on-oom\t'Where the kernel or the supervisor ended it for want of memory'"
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l report -d 'Say in one line at the end who was ended where memory was the cause, and how to go on'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l best-effort -d 'Run it without a limit where none can be had, and say so'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l limit -d 'What is foretold [default: the kill line]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l warn -d 'The warn line [default: 8G; where another kill line is set, 55/85 of it]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l kill -d 'The kill line [default: the limit, else 13G]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l since -d 'With --from-history: of how much time, 1m to 30d' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l samples -d 'Print forecasts, too'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l from-history -d 'What the supervisor has recorded, instead of a file'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l json -d 'With --from-history: print JSON Lines, as is done of a file'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand check-config" -l socket -d 'Socket of the supervisor [default: the system\'s, for `health` else the user\'s own]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand check-config" -l json -d 'Print everything as one JSON object'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand check-config" -l no-color -d 'No colour, whatever the terminal can do (so does `NO_COLOR`)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "daemon" -d 'Supervise: warn of agents that grow, end what would take the guest down'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "health" -d 'How the guest and its agents are; also called vm-health-check'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "explain" -d 'What the supervisor makes of one process: which agent it belongs to, or why to none'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "events" -d 'What happened of late: agents found and gone, warnings, actions'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "stop" -d 'End an agent now, with all that it started: TERM, the grace, KILL'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "reload" -d 'Have the supervisor read its configuration anew'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "run" -d 'Run a command under a memory limit that holds; also called run-claude-limited'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "replay" -d 'What policy and forecaster would have done with a recorded trace'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "check-config" -d 'Whether the configuration is right, what counts of it, and what its rules match now'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
