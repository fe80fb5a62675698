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

complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -s V -l version -d 'Print version'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "daemon" -d 'Run the daemon: warn about growing agents and kill what would exhaust memory'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "health" -d 'Show memory status of this machine and its agents (alias: vm-health-check)'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "explain" -d 'Explain why a process does or does not belong to an agent'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "events" -d 'Show recent events (agents started and exited, warnings, kills)'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "stop" -d 'Stop an agent and all its child processes (SIGTERM, then SIGKILL)'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "reload" -d 'Reload the configuration'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "run" -d 'Run a command with a hard cgroup memory limit (alias: run-claude-limited)'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "replay" -d 'Replay a recorded memory trace through the current thresholds and forecast'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "check-config" -d 'Validate the configuration and show the effective settings'
complete -c claude-watchdog -n "__fish_claude_watchdog_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l config -d 'Configuration file [default: /etc/claude-watchdog/config.toml for root, ~/.config/… otherwise]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l proc -d 'Directory to read processes from (signals always go to the real ones)' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l state-dir -d 'Directory of the recorded memory history [default: /var/lib/claude-watchdog for root, ~/.local/state/… otherwise]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l cgroup -d 'Directory to read cgroups from' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l dry-run -d 'Log what would be killed, but do not send signals'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -l release-throttles -d 'Release agents throttled by a crashed daemon, then exit (used by the unit)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand daemon" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l since -d 'Time span to show with --trend, 1m to 30d' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l json -d 'Print as one JSON object'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l oneline -d 'Print one line of at most 80 columns within 50 ms (for a prompt or tmux)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -s t -l trend -d 'Show memory history as a chart, with growth rate and forecast'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -l no-color -d 'Disable colour (same as setting `NO_COLOR`)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand health" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand explain" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand explain" -l json -d 'Print as one JSON object'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand explain" -l no-color -d 'Disable colour (same as setting `NO_COLOR`)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand explain" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -s n -l last -d 'Number of events to show [default: all, or 10 with --follow]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -s f -l follow -d 'Keep printing new events (Ctrl-C to stop)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -l json -d 'Print each event as a JSON object on a line of its own'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -l no-color -d 'Disable colour (same as setting `NO_COLOR`)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand events" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand stop" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand stop" -l json -d 'Print the result as JSON'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand stop" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand reload" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand reload" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l swap -d 'Swap limit in addition to LIMIT [default: 1/16 of LIMIT, at most 512M]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l name -d 'Name of the systemd scope [default: the command]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l restart -d 'Restart the command if it was killed for memory (with its resume option)' -r -f -a "never\t'Do not restart'
on-oom\t'Only if killed by the kernel or claude-watchdog for memory'"
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l report -d 'Print one line if the command was killed for memory, and how to resume it'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -l best-effort -d 'Run without a limit if none can be applied, with a warning'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l limit -d 'Ceiling for the forecast [default: the kill threshold]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l warn -d 'Warn threshold [default: 8G, or 55/85 of --kill or --limit]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l kill -d 'Kill threshold [default: --limit, or 13G]' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l since -d 'Time span to replay with --from-history, 1m to 30d' -r
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l samples -d 'Print forecasts as well'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l from-history -d 'Replay the history recorded by the daemon instead of a file'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -l json -d 'Print JSON Lines with --from-history, as for a file'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand replay" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand check-config" -l socket -d 'Daemon socket [default: /run/claude-watchdog/…; if absent, the user daemon\'s]' -r -F
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand check-config" -l json -d 'Print as one JSON object'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand check-config" -l no-color -d 'Disable colour (same as setting `NO_COLOR`)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "daemon" -d 'Run the daemon: warn about growing agents and kill what would exhaust memory'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "health" -d 'Show memory status of this machine and its agents (alias: vm-health-check)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "explain" -d 'Explain why a process does or does not belong to an agent'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "events" -d 'Show recent events (agents started and exited, warnings, kills)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "stop" -d 'Stop an agent and all its child processes (SIGTERM, then SIGKILL)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "reload" -d 'Reload the configuration'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "run" -d 'Run a command with a hard cgroup memory limit (alias: run-claude-limited)'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "replay" -d 'Replay a recorded memory trace through the current thresholds and forecast'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "check-config" -d 'Validate the configuration and show the effective settings'
complete -c claude-watchdog -n "__fish_claude_watchdog_using_subcommand help; and not __fish_seen_subcommand_from daemon health explain events stop reload run replay check-config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
