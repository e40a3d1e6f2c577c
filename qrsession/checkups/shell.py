"""Where the command runs: the terminal, completion, and the variables that change what it does."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from qrsession.checkups.findings import Finding, ok, skipped, warning
from qrsession.checkups.surroundings import Surroundings
from qrsession.settings import CLUSTER_JOB_VARIABLES, VARIABLES

_PREFIX = "QRSESSION_"
_NARROW = 60
# What else changes what a command does, or how it looks.
_COUNTED = (
    *VARIABLES,
    "QISKIT_IBM_TOKEN",
    "QISKIT_IBM_CHANNEL",
    "QISKIT_IBM_INSTANCE",
    "QISKIT_IBM_URL",
    "IAM_URL",
    "CI",
    *CLUSTER_JOB_VARIABLES,
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSLKEYLOGFILE",
    "NO_COLOR",
    "COLUMNS",
)
# Where each shell looks for completions of its user, below the home, and of the system.
_COMPLETIONS = {
    "bash": (
        ".local/share/bash-completion/completions/qrsession",
        ".bash_completion.d/qrsession",
    ),
    "zsh": (".zfunc/_qrsession", ".zsh/completions/_qrsession", ".local/share/zsh/_qrsession"),
    "fish": (".config/fish/completions/qrsession.fish",),
}
_SYSTEMS = {
    "bash": "share/bash-completion/completions/qrsession",
    "zsh": "share/zsh/site-functions/_qrsession",
    "fish": "share/fish/vendor_completions.d/qrsession.fish",
}
_RC_FILES = {
    "bash": (".bashrc", ".bash_profile", ".bash_completion"),
    "zsh": (".zshrc", ".zprofile"),
    "fish": (".config/fish/config.fish",),
}
_LARGEST_RC_BYTES = 2**20


def check_terminal(around: Surroundings) -> Finding:
    """Say what stdout can show."""
    screen = around.screen
    name = "terminal"
    encoding = screen.encoding.lower().replace("-", "")
    if not encoding.startswith("utf"):
        return warning(
            name,
            f"It is written in {screen.encoding}, so marks and histograms are drawn in ASCII.",
            "Set a locale of UTF-8: export LANG=C.UTF-8",
        )
    if not screen.is_terminal:
        return ok(name, f"None: stdout is a file or a pipe, in {screen.encoding}.")
    colour = "with colours" if screen.has_colour else "without colours"
    message = f"{screen.width} columns, {screen.encoding}, {colour}."
    if screen.width < _NARROW:
        return warning(name, message, "Tables are folded at this width; make the window wider.")
    return ok(name, message)


def check_completion(around: Surroundings) -> Finding:
    """See whether the user's shell completes our commands."""
    name = "completion"
    shell = Path(around.environ.get("SHELL", "")).name
    if shell not in _COMPLETIONS:
        return skipped(name, f"The shell is not known to have any: {shell or 'none is named'}.")
    where = completion_of(shell, around.environ)
    if where is None:
        return skipped(
            name, f"Not found for {shell}.", f"To have it: qrsession completion {shell} --help"
        )
    return ok(name, f"For {shell}: {where}")


def completion_of(shell: str, environ: Mapping[str, str]) -> Path | None:
    """Return the file by which a shell completes our commands, None where there is none."""
    home = Path(environ.get("HOME") or Path.home())
    candidates = [home / part for part in _COMPLETIONS[shell]]
    candidates += [Path(root) / _SYSTEMS[shell] for root in ("/usr/local", "/usr")]
    for path in candidates:
        if path.is_file():
            return path
    for part in _RC_FILES[shell]:
        path = home / part
        with suppress(OSError):
            if path.stat().st_size < _LARGEST_RC_BYTES and b"qrsession completion" in (
                path.read_bytes()
            ):
                return path
    return None


def check_variables(around: Surroundings) -> Iterator[Finding]:
    """Name the variables that are set and count, and those that are set in vain."""
    name = "variables"
    counted = [variable for variable in _COUNTED if around.environ.get(variable)]
    yield ok(name, f"Set: {', '.join(counted)}." if counted else "None is set that counts.")
    for variable in sorted(around.environ):
        if not variable.startswith(_PREFIX) or variable in VARIABLES:
            continue
        near = get_close_matches(variable, VARIABLES, n=1)
        meant = f" Is {near[0]} meant?" if near else ""
        yield warning(
            name,
            f"{variable} is set, and nothing reads it.{meant}",
            f"Unset it, or see `qrsession man environment` for those that are: unset {variable}",
        )
