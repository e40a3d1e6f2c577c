"""What is installed: versions, whether Qiskit loads, and what the start of a command costs."""

import re
import sys
from collections.abc import Iterator
from importlib import metadata

from qrsession import __version__
from qrsession.checkups.findings import Finding, failed, ok, skipped, warning
from qrsession.checkups.surroundings import Surroundings, Task
from qrsession.errors import QrsessionError

PACKAGE = "qrsession"
_PYTHON = "python"
_QISKIT = "qiskit"
_TYPER = "typer"
_IBMS_CLIENT = "qiskit-ibm-runtime"
# Shown whatever their version; the other requirements only where one is not met.
_SHOWN = ("qiskit", "qiskit-aer", "typer", "rich", "requests")
# Qiskit was once installed under this name; together they break each other.
_RIVAL = "qiskit-terra"
# Typer 0.29 and later load pydantic for every command.
_SLOW_TYPER = (0, 29)
_START_RUNS = 2
# An import that costs more than so many bare starts of Python, so that it is not the machine that
# is busy, and is felt.
_SLOW_RATIO = 8.0
_SLOW_START_S = 0.8
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?P<range>[^;\[]*)(?P<marker>;.*)?")
_BOUND = re.compile(r"(>=|<=|==|<|>)\s*([\w.]+)")
_LAST_LINE = 200


def check_versions(around: Surroundings) -> Iterator[Finding]:
    """Hold what is installed against what this package asks for."""
    try:
        wanted = metadata.requires(PACKAGE) or []
        python_range = metadata.metadata(PACKAGE)["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        yield skipped("versions", "This is no installed package, so nothing says what it needs.")
        return
    release = ".".join(map(str, sys.version_info[:3]))
    if meets(release, python_range):
        yield ok(_PYTHON, f"{release} at {sys.executable}")
    else:
        yield warning(
            _PYTHON,
            f"{release} is not among the versions that are supported ({python_range}).",
            "Install qrsession with a Python that is.",
        )
    yield ok(PACKAGE, __version__)
    for requirement in wanted:
        parts = _REQUIREMENT.match(requirement)
        if parts is None:
            continue
        name, bounds = parts["name"], parts["range"].strip()
        if not parts["marker"]:
            yield from _check_package(around, name, bounds)
        elif name == _IBMS_CLIENT:
            yield from _check_ibms_client(around, bounds)
    if around.release_of(_RIVAL) is not None:
        yield failed(
            _RIVAL,
            f"{_RIVAL} is installed beside qiskit, and they overwrite each other's files.",
            "pip uninstall -y qiskit-terra qiskit && pip install qiskit",
            QrsessionError,
        )


def _check_package(around: Surroundings, name: str, bounds: str) -> Iterator[Finding]:
    found = around.release_of(name)
    advice = f"pip install '{name}{bounds}'"
    if found is None:
        yield failed(name, f"It is not installed ({bounds} is needed).", advice, QrsessionError)
    elif name == _TYPER and release_of(found) >= _SLOW_TYPER:
        message = f"{found} loads pydantic for every command, which makes each one slow."
        yield warning(name, message, advice)
    elif not meets(found, bounds):
        yield warning(name, f"{found} is not what it is tested with ({bounds}).", advice)
    elif name in _SHOWN:
        yield ok(name, found)


def _check_ibms_client(around: Surroundings, bounds: str) -> Iterator[Finding]:
    found = around.release_of(_IBMS_CLIENT)
    if found is None:
        # It is needed for twins and for unmodified scripts alone.
        return
    if meets(found, bounds):
        yield ok(_IBMS_CLIENT, found)
    else:
        yield warning(
            _IBMS_CLIENT,
            f"{found} is not the one that scripts on the local runtime are tested with ({bounds}).",
            f"pip install '{_IBMS_CLIENT}{bounds}', if a script of yours fails there.",
        )


class ProgramTrials:
    """What is tried in processes of its own, beside the other checks."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._qiskit = Task(self._try_qiskit, around.limit_s + 1)

    def findings(self) -> Iterator[Finding]:
        """Wait for what is tried, and say how it came out."""
        try:
            yield from self._qiskit.outcome()
        except TimeoutError:
            yield failed(
                "start",
                f"Qiskit has not been loaded in {self._around.limit_s:g} s.",
                "See whether the disk that Python is on is slow, or full.",
                QrsessionError,
            )

    def _try_qiskit(self) -> tuple[Finding, ...]:
        limit_s = self._around.limit_s
        run = self._around.run_python
        bare_s = min(run("pass", limit_s).took_s for _ in range(_START_RUNS))
        typer_s = min(run("import typer", limit_s).took_s for _ in range(_START_RUNS))
        loaded = run("import qiskit, qiskit_aer", limit_s)
        return (judge_start(bare_s, typer_s), judge_load(loaded.exit_code, loaded.said))


def judge_start(bare_s: float, typer_s: float) -> Finding:
    """Say what the start of a command costs: of Python alone, and of Python with Typer."""
    message = f"Python takes {1000 * bare_s:.0f} ms, and {1000 * typer_s:.0f} ms with Typer."
    if typer_s > _SLOW_START_S and typer_s > _SLOW_RATIO * bare_s:
        return warning(
            "start",
            message,
            "Each command pays it: look at the version of Typer, and at the disk it is on.",
        )
    return ok("start", message)


def judge_load(exit_code: int, said: str) -> Finding:
    """Say whether Qiskit and Aer can be loaded, by how a process ended that tried."""
    name = "qiskit loads"
    if exit_code == 0:
        return ok(name, "Qiskit and Aer can be loaded.")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = lines[-1][:_LAST_LINE] if lines else f"exit code {exit_code}"
    return failed(
        name,
        f"Qiskit or Aer cannot be loaded: {reason}",
        "Install them anew: pip install --force-reinstall qiskit qiskit-aer",
        QrsessionError,
    )


def release_of(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: ``(2, 3, 0)`` of ``"2.3.0rc1"``."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()


def meets(version: str, bounds: str) -> bool:
    """Whether a version is within bounds such as ``>=2.3,<3``; a candidate counts as released."""
    release = release_of(version)
    for sign, bound in _BOUND.findall(bounds):
        limit = release_of(bound)
        width = max(len(release), len(limit))
        one, other = (parts + (0,) * (width - len(parts)) for parts in (release, limit))
        holds = {
            ">=": one >= other,
            "<=": one <= other,
            "==": one == other,
            "<": one < other,
            ">": one > other,
        }[sign]
        if not holds:
            return False
    return True
