#!/usr/bin/env bash
# The steps of the action: begin, install, run, end.
#
# What a user wrote arrives in variables (INPUT_...) and is used in quotes, never evaluated. Keys
# are in the environment alone, where nobody on the machine sees them in a list of processes.
# It keeps to bash 3.2, which is what macOS has.
set -euo pipefail

readonly EXIT_USAGE=2 EXIT_NO_ACCOUNT=3 EXIT_NOT_OPENED=125 EXIT_KILLED=137
# Removed with everything else of the job by the machine.
readonly ROOT=${RUNNER_TEMP:?is not set: this script is for GitHub Actions}/qrsession
readonly VENV=$ROOT/venv
# A folder with this command alone, since `exec` puts it first in the script's PATH: the job's own
# Python stays the job's own.
readonly QRSESSION=$ROOT/bin/qrsession

# Says something that GitHub shows beside the log: `tell error TEXT`, `tell warning TEXT`.
tell() {
  printf '::%s title=qrsession::%s\n' "$1" "$(escaped "$2")"
}

# Writes text as the data of a workflow command: one line, which is no command itself.
escaped() {
  local text=${1//'%'/%25}
  text=${text//$'\r'/%0D}
  printf '%s' "${text//$'\n'/%0A}"
}

# Ends the step: `fail CODE TEXT`.
fail() {
  tell error "$2"
  [ -z "${FOLDER:-}" ] || printf '%s\n' "$1" >"$FOLDER/exit-code"
  exit "$1"
}

mask() {
  local line
  while IFS= read -r line; do
    [ -z "$line" ] || printf '::add-mask::%s\n' "$(escaped "$line")"
  done <<<"$1"
}

begin() {
  # First of all: nothing that is printed later may show it.
  mask "${INPUT_TOKEN:-}"
  case ${INPUT_INSTANCE:-} in
    # It names the account.
    crn:*) mask "$INPUT_INSTANCE" ;;
  esac
  [ "${RUNNER_OS:-}" != Windows ] || fail "$EXIT_USAGE" 'This action runs on Linux and macOS.'
  umask 077
  mkdir -p "$ROOT"
  printf 'folder=%s\n' "$(mktemp -d "$ROOT/step.XXXXXXXX")" >>"$GITHUB_OUTPUT"
}

install() {
  local version=${INPUT_VERSION:-} python
  case $version in
    '') version=$GITHUB_ACTION_PATH/.. ;;
    [0-9]*) version="qrsession==$version" ;;
    [=\<\>~!]*) version="qrsession$version" ;;
  esac
  # Another step of this job may have installed the same.
  if [ -x "$QRSESSION" ] && [ "$(cat "$ROOT/installed" 2>/dev/null)" = "$version" ]; then
    return
  fi
  python=$(find_python) || fail "$EXIT_USAGE" \
    "qrsession needs Python 3.11 or newer with venv: name one by the input \`python-version\`."
  rm -f "$ROOT/installed"
  "$python" -I -m venv --clear "$VENV"
  "$VENV/bin/python" -I -m pip install --quiet --no-input --disable-pip-version-check -- "$version"
  mkdir -p "$ROOT/bin"
  ln -sf "$VENV/bin/qrsession" "$QRSESSION"
  printf '%s\n' "$version" >"$ROOT/installed"
}

# Prints a Python that will do: the one set up for us, the job's, or one that the machine keeps.
find_python() {
  local candidate
  for candidate in "${FOUND_PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python \
    "${RUNNER_TOOL_CACHE:-/nowhere}"/Python/3.1[1-4].*/*/bin/python3; do
    if [ -n "$candidate" ] && "$candidate" -I -c \
      'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# Whether the event is about a pull request whose code is another repository's. One that cannot be
# told is not: then an account is asked for.
is_of_fork() {
  [ -r "${GITHUB_EVENT_PATH:-}" ] && "$VENV/bin/python" -I -c '
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    pull_request = json.load(file)["pull_request"]
# Of a fork that was deleted nothing is left.
head = pull_request["head"].get("repo") or {}
sys.exit(head.get("id") == pull_request["base"]["repo"]["id"])
' "$GITHUB_EVENT_PATH" 2>/dev/null
}

simulates=false

is_local() {
  case ${INPUT_LOCAL:-false} in
    true) return 0 ;;
    forks) is_of_fork ;;
    *) return 1 ;;
  esac
}

# Puts the account into the environment of qrsession and of the script.
choose_account() {
  if is_local; then
    simulates=true
    # Whatever runs here is not to be trusted with a key.
    unset QISKIT_IBM_TOKEN QISKIT_IBM_INSTANCE QISKIT_IBM_CHANNEL QISKIT_IBM_URL IAM_URL
    export QRSESSION_ACCOUNT=local
  else
    if [ -n "${INPUT_TOKEN:-}" ]; then
      unset QRSESSION_ACCOUNT
      export QISKIT_IBM_TOKEN=$INPUT_TOKEN
    fi
    [ -z "${INPUT_INSTANCE:-}" ] || export QISKIT_IBM_INSTANCE=$INPUT_INSTANCE
    [ -z "${INPUT_CHANNEL:-}" ] || export QISKIT_IBM_CHANNEL=$INPUT_CHANNEL
    [ -z "${INPUT_URL:-}" ] || export QISKIT_IBM_URL=$INPUT_URL
  fi
  export QRSESSION_HOME=${QRSESSION_HOME:-$ROOT/home}
  # A ledger of this step's own: what it opened can be told from what others did.
  export QRSESSION_STATE=$FOLDER/state.toml
}

check_choices() {
  [ -n "${INPUT_RUN:-}" ] || fail "$EXIT_USAGE" "The input \`run\` is empty."
  case ${INPUT_LOCAL:-false} in
    true | false | forks) ;;
    *) fail "$EXIT_USAGE" "The input \`local\` is '$INPUT_LOCAL'; it must be true, false or forks." ;;
  esac
  case ${INPUT_SUMMARY:-true} in
    true | false) ;;
    *) fail "$EXIT_USAGE" "The input \`summary\` is '$INPUT_SUMMARY'; it must be true or false." ;;
  esac
}

check_account() {
  if [ "$simulates" = true ]; then
    [ "$INPUT_LOCAL" = forks ] || return 0
    tell warning "Simulated, not a QPU: this pull request is from a fork, which gets no key."
    printf '> [!WARNING]\n> %s\n\n' \
      '**Simulated, not a QPU**: this pull request is from a fork, which gets no key.' \
      >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
  elif [ -z "${QISKIT_IBM_TOKEN:-}${QRSESSION_ACCOUNT:-}" ] &&
    ! "$QRSESSION" account show >/dev/null 2>&1; then
    fail "$EXIT_NO_ACCOUNT" "There is no key: set the input \`token\` to a secret. GitHub gives \
none to pull requests from forks and of Dependabot; \`local: forks\` simulates those of forks, and \
\`local: true\` everything."
  fi
}

# Sets `command` to what runs the script.
set_command() {
  local script=$1 word
  case ${INPUT_SHELL:-bash} in
    bash) command=(bash --noprofile --norc -eo pipefail "$script") ;;
    sh) command=(sh -e "$script") ;;
    python) command=(python "$script") ;;
    *)
      command=()
      local words has_script=false
      read -r -a words <<<"$INPUT_SHELL"
      for word in "${words[@]}"; do
        if [ "$word" = '{0}' ]; then
          word=$script
          has_script=true
        fi
        command+=("$word")
      done
      [ "$has_script" = true ] || fail "$EXIT_USAGE" "The input \`shell\` is '$INPUT_SHELL'; it \
must be bash, sh, python, or a command line with {0} as a word of its own."
      ;;
  esac
}

run() {
  check_choices
  choose_account
  check_account
  printf '%s\n' "$INPUT_RUN" >"$FOLDER/script"
  local command
  set_command "$FOLDER/script"
  local arguments=(exec "--summary=$FOLDER/end.json" "--mode=${INPUT_MODE:-dedicated}"
    "--on-failure=${INPUT_ON_FAILURE:-cancel}")
  [ -z "${INPUT_BACKEND:-}" ] || arguments+=("--backend=$INPUT_BACKEND")
  [ -z "${INPUT_MAX_TIME:-}" ] || arguments+=("--max-time=$INPUT_MAX_TIME")
  [ -z "${INPUT_BUDGET:-}" ] || arguments+=("--budget=$INPUT_BUDGET")
  # A saved account has an instance of its own, in place of which this one is named.
  if [ -n "${INPUT_INSTANCE:-}" ] && [ -z "${QISKIT_IBM_TOKEN:-}" ] && [ "$simulates" = false ]; then
    arguments+=("--instance=$INPUT_INSTANCE")
  fi
  if [ "${INPUT_SUMMARY:-true}" = true ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    arguments+=("--report=$GITHUB_STEP_SUMMARY")
  fi
  if [ -n "${INPUT_WORKING_DIRECTORY:-}" ]; then
    # What the shell would say of it might begin a line with a command for GitHub.
    CDPATH='' cd -- "$INPUT_WORKING_DIRECTORY" 2>/dev/null ||
      fail "$EXIT_USAGE" "There is no folder '$INPUT_WORKING_DIRECTORY'."
  fi
  forget_inputs
  # In place of this shell, so that GitHub's signals reach it: it closes the session, and passes
  # them on to the script.
  exec "$QRSESSION" "${arguments[@]}" -- "${command[@]}"
}

# The script need not see what it was not given.
forget_inputs() {
  local name
  for name in FOLDER ${!INPUT_*}; do
    unset "$name"
  done
}

end() {
  # Nothing was begun, or installed, so nothing was opened.
  if [ ! -d "${FOLDER:-}" ] || [ ! -x "$QRSESSION" ]; then
    return
  fi
  choose_account
  write_outputs
  local closed=''
  # Without a ledger nothing was opened.
  if [ -f "$QRSESSION_STATE" ] && ! closed=$("$QRSESSION" close --all --cancel 2>"$FOLDER/trouble"); then
    tell error "A session may be open still. $(cat "$FOLDER/trouble")"
    return
  fi
  [ -z "$closed" ] || tell warning "The step was ended before it could close its session, which \
is closed now: $closed"
  rm -rf "$FOLDER"
}

write_outputs() {
  local code=$EXIT_KILLED
  if [ -f "$FOLDER/exit-code" ]; then
    code=$(cat "$FOLDER/exit-code")
  elif [ ! -f "$QRSESSION_STATE" ]; then
    # It came to no session at all: one of the inputs was refused.
    code=$EXIT_USAGE
  fi
  # What a service says of a session is one word, whatever it says.
  "$VENV/bin/python" -I -c '
import json, pathlib, sys
file, code, simulates, not_opened = sys.argv[1:]
path, session = pathlib.Path(file), {}
if path.exists():
    data = json.loads(path.read_text(encoding="utf-8"))["data"]
    code = not_opened if data is None else data["exit_code"]
    session = {} if data is None else data["session"]
used = session.get("usage_s")
used = session.get("usage_estimate_s") if used is None else used
values = {
    "session-id": session.get("session_id", ""),
    "usage-seconds": "" if used is None else used,
    "exit-code": code,
    "local": str(session.get("account") == "local" or simulates == "true").lower(),
}
for name, value in values.items():
    print(name, "".join(str(value).split()), sep="=")
' "$FOLDER/end.json" "$code" "$simulates" "$EXIT_NOT_OPENED" >>"$GITHUB_OUTPUT"
}

case ${1:-} in
  begin | install | run | end) "$1" ;;
  *) fail "$EXIT_USAGE" "There is no step '${1:-}': it is begin, install, run or end." ;;
esac
