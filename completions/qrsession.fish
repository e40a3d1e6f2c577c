# Completion of qrsession for fish: qrsession completion fish | source

function __qrsession_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l current (string unescape -- "$typed"; or echo -- "$typed")
    set -l program $words[1]
    type -q -- $program; or set program qrsession
    set -e words[1]
    set -l found (_QRSESSION_COMPLETE=fish $program $words "$current" 2>/dev/null </dev/null)
    set -l how $found[1]
    set -e found[1]
    test (count $found) -gt 0; and printf '%s\n' $found
    switch "$how"
        case files folders
            # What a value is given to stands before its own path.
            set -l before (string match -r -- '^--[^=]*=' "$current")
            set -l path (string replace -r -- '^--[^=]*=' '' "$current")
            set -l paths
            if test $how = files
                set paths (__fish_complete_path "$path")
            else
                set paths (__fish_complete_directories "$path" '')
            end
            for each in $paths
                printf '%s\n' "$before$each"
            end
        case 'command *'
            set -l at (string replace 'command ' '' -- $how)
            set -l all (commandline -opc)
            set -l rest (string escape -- $all[$at..])
            test $at -gt (count $all); and set rest
            complete -C (string join ' ' -- $rest "$typed")
    end
end

complete -c qrsession -f -k -a '(__qrsession_complete)'
