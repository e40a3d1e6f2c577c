"""The scripts by which bash, zsh and fish complete ``qrsession``.

They hold no names: they ask the command itself, once for each key, so they are never out of date.
See `answering` for what they say to each other. What Typer brings for this is not used: it breaks
words of bash apart at ``@`` and ``:``, loads rich for what zsh shows, and asks twice in fish.
"""

from enum import StrEnum


class Shell(StrEnum):
    """Shells that can complete a command line of ours."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_BASH = r"""# Completion of qrsession for bash: source <(qrsession completion bash)

_qrsession() {
    local program=$1 line how=none
    local -a found=()
    type -P -- "$program" >/dev/null || program=qrsession
    while IFS= read -r line; do
        found+=("$line")
    done < <(_QRSESSION_COMPLETE=bash "$program" "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" \
        2>/dev/null </dev/null)
    COMPREPLY=()
    if ((${#found[@]})); then
        how=${found[0]}
        COMPREPLY=("${found[@]:1}")
    fi
    # bash 3.2, which macOS has, knows no compopt: there, files are always offered.
    case $how in
        files)
            if ((${#COMPREPLY[@]})); then
                while IFS= read -r line; do
                    COMPREPLY+=("$line")
                done < <(compgen -f -- "")
                compopt -o filenames 2>/dev/null
            else
                compopt -o default 2>/dev/null
            fi
            ;;
        folders) compopt -o dirnames 2>/dev/null ;;
        command*) _qrsession_program "${how#command }" ;;
        *)
            # The likeliest come first; before 4.4 bash sorts them by name.
            compopt -o nosort 2>/dev/null
            # After what goes on, such as "name=" and "folder/", there is no blank.
            [[ ${COMPREPLY[*]} == *[=/] ]] && compopt -o nospace 2>/dev/null
            ;;
    esac
    return 0
}

# Complete a program and its arguments, which begin with the word of this number.
_qrsession_program() {
    # bash takes words apart at more characters than blanks; of those before -- none has any.
    local at=0 seen
    for ((seen = 0; at < COMP_CWORD; at++)); do
        [[ ${COMP_WORDS[at]} == -- ]] && seen=$((at + 1)) && break
    done
    ((seen)) || seen=$1
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$seen"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$seen"
    elif ((COMP_CWORD == seen)); then
        while IFS= read -r at; do
            COMPREPLY+=("$at")
        done < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        compopt -o default 2>/dev/null
    fi
}

if type compopt >/dev/null 2>&1; then
    complete -F _qrsession qrsession
else
    complete -o default -F _qrsession qrsession
fi
"""

_ZSH = r"""#compdef qrsession
# Completion of qrsession for zsh: source <(qrsession completion zsh)

_qrsession() {
    local program=${(Q)words[1]} how=none
    local -a found
    integer ret=1
    whence -p -- "$program" >/dev/null || program=qrsession
    found=("${(@f)$(_QRSESSION_COMPLETE=zsh "$program" "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" \
        2>/dev/null </dev/null)}")
    if (( $#found )); then
        how=$found[1]
        shift found
    fi
    case $how in
        command*)
            integer skipped=${how#command }
            shift $skipped words
            (( CURRENT -= skipped ))
            _normal
            return
            ;;
    esac
    if (( $#found )); then
        # After what goes on, such as "name=" and "folder/", there is no blank.
        local -a whole open
        local one
        for one in "${found[@]}"; do
            if [[ ${one%%:*} == *[=/] ]]; then open+=("$one"); else whole+=("$one"); fi
        done
        (( $#whole )) && _describe -V 'qrsession' whole && ret=0
        (( $#open )) && _describe -V 'qrsession' open -S '' && ret=0
    fi
    case $how in
        files|folders)
            [[ $PREFIX == --*=* ]] && compset -P '*='
            if [[ $how == files ]]; then
                _files && ret=0
            else
                _files -/ && ret=0
            fi
            ;;
    esac
    return ret
}

if [[ $funcstack[1] == _qrsession ]]; then
    _qrsession "$@"
elif (( $+functions[compdef] )); then
    compdef _qrsession qrsession
else
    print -u2 'qrsession: run "autoload -U compinit && compinit" before this.'
fi
"""

_FISH = r"""# Completion of qrsession for fish: qrsession completion fish | source

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
"""

SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}
