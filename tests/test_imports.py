"""Imports point one way, and heavy ones stand where they are needed."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import qrsession

pytestmark = pytest.mark.fast

PACKAGE = Path(qrsession.__file__).parent

# What each room may import of the rooms: at any place in a file, types included.
BASE = {"errors", "diagnostics", "redaction"}
WIRE = BASE | {"duration", "protocol"}
DISK = WIRE | {"clock", "settings", "storage", "names", "state", "money.budgets", "money.purse"}
CLIENT = WIRE | {"settings", "storage", "client", "accounts.account"}
ACCOUNTS = DISK | {"accounts.account", "accounts.file", "accounts.api_key"}
LIBRARY = (
    DISK
    | CLIENT
    | {"cache", "codec", "tags", "examples", "__version__"}
    | {"service", "session", "session_arguments", "job", "primitives", "options", "backend"}
    | {"backend_choice", "option_tree", "option_spellings", "job_details", "callbacks", "pub_forms"}
    | {"accounts", "circuits", "pubs", "submission", "waiting", "results", "expecting"}
    | {"closing", "processes", "money", "verbs", "neighbours", "checkups"}
    | {"circuit_runs", "backend_choice"}
)
# A room by itself goes before the package that it is in.
ALLOWED = {
    "errors": set[str](),
    "diagnostics": {"redaction"},
    "redaction": set[str](),
    "clock": set[str](),
    "lazy_names": set[str](),
    "duration": BASE,
    "settings": BASE,
    "storage": BASE,
    "names": BASE,
    "cache": BASE | {"settings", "storage"},
    "tags": BASE | {"cache"},
    "options": WIRE | {"option_tree", "option_spellings"},
    "option_tree": WIRE | {"options", "option_spellings"},
    "option_spellings": BASE,
    "protocol": WIRE,
    "client": CLIENT | {"__version__"},
    "codec": WIRE | {"codec"},
    "processes.machine": set[str](),
    "processes.liveness": set[str](),
    "processes.limits": set[str](),
    "processes.mark": BASE | {"processes.machine", "processes.liveness"},
    # Its process loads nothing else of ours while it waits.
    "closing.watcher": {"processes.liveness"},
    "state": DISK,
    "state.pending": DISK | {"processes.liveness"},
    "state.plain_toml": set[str](),
    "state.versioned": WIRE,
    "state.entries": WIRE | {"processes.mark"},
    "money.budgets": WIRE,
    "money.purse": DISK,
    "money.spending": WIRE,
    "money.usage": WIRE,
    "money.modes": WIRE,
    "accounts.account": ACCOUNTS,
    "accounts.file": DISK,
    "accounts.reports": ACCOUNTS,
    "accounts.api_key": BASE,
    "accounts.instances": WIRE,
    "circuits.screening": BASE,
    "circuits.misfits": BASE,
    "pubs": WIRE | {"pubs"},
    "pubs.building": LIBRARY,
    "pubs.observables": BASE,
    "pubs.values": WIRE,
    "pubs.captions": WIRE | {"pubs.values"},
    "expecting.agreement": BASE,
    "expecting.wanted": BASE | {"pubs.observables"},
    "expecting.verdicts": BASE | {"expecting.agreement", "pubs.observables", "expecting.wanted"},
    "expecting.references": BASE | {"expecting.agreement"},
    "expecting.ideal": BASE | {"expecting.agreement"},
    "verbs.devices": WIRE,
    "verbs.reports": DISK | {"tags", "money.spending", "processes.mark"},
    "render": BASE
    | {"duration", "settings", "render", "results", "money.usage", "money.estimating"}
    | {"accounts.reports", "verbs.reports", "verbs.overview", "verbs.job_lists", "verbs.recaps"}
    | {"verbs.devices", "expecting.verdicts", "waiting.events", "local.process.daemon"}
    | {"protocol.models", "protocol.fields", "protocol.status"},
    # Of the runtime the library knows how to start and to find it; that needs no more than files.
    "service": LIBRARY | {"local.process.daemon", "local.account.identity"},
    "accounts.connection": LIBRARY | {"local.process.daemon", "local.account.identity"},
    # It looks at the runtime's files from outside.
    "checkups": LIBRARY | {"local.process", "local.store"},
    "neighbours.unmodified": WIRE | {"settings", "local.process.daemon", "local.account.identity"},
    "local": WIRE
    | {"settings", "storage", "processes.machine", "processes.limits"}
    | {"local", "codec", "__version__"},
    "cli": LIBRARY | {"cli", "render", "local"},
    "testing": LIBRARY | {"lazy_names", "local", "testing"},
    "__main__": {"cli"},
    "__init__": LIBRARY | {"lazy_names"},
}
# Rooms of the runtime that alone may decode what users send.
DECODERS = {"local.worker", "local.simulation"}

# Modules that may be imported at the top of a file by these rooms alone. "None" needs a reason
# where it is imported: each costs more than all of `import qrsession`.
QISKIT_ROOMS = {
    *("codec", "backend", "primitives", "pub_forms", "circuit_runs", "expecting.ideal"),
    *(
        f"circuits.{room}"
        for room in (
            *("reading", "transpilation", "target", "angles", "delays", "isa"),
            *("final_measurements", "isolation", "parsing"),
        )
    ),
    *DECODERS,
}
# Loaded for `--engine` alone. The address is looked at by every runtime.
CLUSTER_ROOMS = {"local.cluster.connection", "local.cluster.on_worker"}
HEAVY = {
    "dask": CLUSTER_ROOMS,
    "distributed": CLUSTER_ROOMS,
    "numpy": QISKIT_ROOMS,
    "qiskit": QISKIT_ROOMS,
    "qiskit_aer": DECODERS,
    "qiskit_qasm3_import": set[str](),
    "samplomatic": set[str](),
    "requests": {
        "client.exchange",
        "client.transport",
        "client.iam",
        "client.proving",
        "client.failures",
        "client.reaching",
    },
    "rich": set[str](),
    "filelock": {"local"},
    "platformdirs": set[str](),
    "tomli_w": set[str](),
    "sqlite3": {"local"},
    "starlette": {"local"},
    "uvicorn": {"local"},
    "typer": {"cli"},
    # Nobody but pytest imports the plugin.
    "pytest": {"testing.plugin"},
}
# Found, never imported; and what newer releases of Typer carry inside them.
NEVER = ("qiskit_ibm_runtime", "click", "typer._click", "pydantic")


@dataclass(frozen=True)
class Import:
    """One imported name of one file."""

    file: str
    line: int
    target: str
    is_at_top: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[Import]:
    name = name_of(path)

    def visit(node: ast.AST, *, is_at_top: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(name, child.lineno, alias.name, is_at_top)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                for alias in child.names:
                    target = f"{child.module}.{alias.name}"
                    yield Import(name, child.lineno, target, is_at_top)
            else:
                runs_on_import = is_at_top and not isinstance(
                    child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
                )
                if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                    runs_on_import = False
                yield from visit(child, is_at_top=runs_on_import)

    yield from visit(ast.parse(path.read_text()), is_at_top=True)


@functools.cache
def all_imports() -> tuple[Import, ...]:
    """Walk the package; only the process that runs these tests needs to."""
    return tuple(found for path in sorted(PACKAGE.rglob("*.py")) for found in imports_of(path))


def is_within(target: str, modules: set[str]) -> bool:
    return any(target == module or target.startswith(f"{module}.") for module in modules)


def room_of(file: str) -> str:
    """Return the room that a file is in: the closest that has a row of its own."""
    parts = file.split(".")
    rooms = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((room for room in rooms if room in ALLOWED), parts[0])


def test_walk_sees_the_package() -> None:
    assert len({found.file for found in all_imports()}) > 30
    assert any(found.is_at_top for found in all_imports())
    assert any(not found.is_at_top for found in all_imports())


def test_imports_point_one_way() -> None:
    wrong = []
    for found in all_imports():
        head, _, target = found.target.partition(".")
        if head != "qrsession" or not target:
            continue
        room = room_of(found.file)
        allowed = ALLOWED.get(room, LIBRARY if room in LIBRARY else set())
        if room == "local" and not is_within(found.file, DECODERS):
            allowed = allowed - {"codec"}
        if not is_within(target, allowed | {room}):
            wrong.append(str(found))
    assert wrong == []


def test_every_room_has_its_place() -> None:
    rooms = {name_of(path).split(".")[0] for path in PACKAGE.rglob("*.py")}
    assert rooms - {room.split(".")[0] for room in ALLOWED} - LIBRARY == set()


def test_heavy_modules_are_imported_where_they_are_needed() -> None:
    wrong = [
        str(found)
        for found in all_imports()
        for module, rooms in HEAVY.items()
        if found.is_at_top
        and is_within(found.target, {module})
        and not is_within(found.file, rooms)
    ]
    assert wrong == []


def test_some_modules_are_never_imported() -> None:
    assert [str(found) for found in all_imports() if is_within(found.target, set(NEVER))] == []


@pytest.mark.parametrize(
    "room", ["protocol", "local.process.daemon", "processes.liveness", "closing.watcher"]
)
def test_rooms_of_the_standard_library(room: str) -> None:
    import sys  # noqa: PLC0415 - a list of names, for this test alone

    known = {*sys.stdlib_module_names, "qrsession"}
    wrong = [
        str(found)
        for found in all_imports()
        if is_within(found.file, {room}) and found.target.split(".")[0] not in known
    ]
    # Counting a million samples takes a second without numpy, and where there are few it is not
    # loaded.
    assert [one for one in wrong if not one.startswith("protocol.tallies:")] == []
