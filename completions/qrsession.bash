# Completion of qrsession for bash: source <(qrsession completion bash)

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
