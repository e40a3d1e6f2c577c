"""Imports point one way, and heavy ones stand where they are needed."""

import ast
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
DISK = (
    WIRE
    | {"clock", "settings", "storage", "names", "entries", "versioned"}
    | {"ledger", "plain_toml", "history", "records", "state", "pending", "budgets", "purse"}
)
CLIENT = WIRE | {"settings", "storage", "client", "accounts"}
ACCOUNTS = DISK | {"account_file", "api_key", "accounts"}
LIBRARY = (
    DISK
    | CLIENT
    | {
        "cache",
        "codec",
        "accounts",
        "service",
        "session",
        "session_arguments",
        "plan_limits",
        "submit",
        "lookup",
        "tags",
        "job",
        "primitives",
    }
    | {
        "options",
        "backend",
        "circuits",
        "sources",
        "screening",
        "misfits",
        "target",
        "angles",
        "delays",
        "isa",
        "untranspiled",
        "transpilation",
        "prepared",
        "results",
        "program_results",
    }
    | {"lookup", "once", "patience", "waiting", "opening", "closings", "settling", "overview"}
    | {"spending", "paying", "going_on", "usage", "estimating", "modes", "accounting"}
    | {"account_checks", "account_file", "account_reports", "api_key", "saved_accounts"}
    | {
        "reports",
        "runs",
        "venues",
        "outcomes",
        "awaiting",
        "ended_jobs",
        "terms",
        "watching",
        "rounds",
        "wait_errors",
        "events",
        "workspace",
        "admission",
        "finding",
        "choosing",
        "forgetting",
        "job_ends",
        "job_lists",
        "cancelling",
        "slurm",
        "qrmi",
        "closing",
        "supervise",
        "examples",
        "__version__",
    }
    | {"instances", "placement", "account_probe", "connection", "devices", "snapshots"}
    | {"unmodified", "checkups", "recaps"}
    | {"observables", "agreement", "wanted", "verdicts", "references"}
    | {"ideal", "foreseeing"}
    | {"machine", "liveness", "processes", "watcher", "guarding", "ending", "terminals"}
    | {"forgotten", "tidying"}
)
ALLOWED = {
    "errors": set[str](),
    "lazy_names": set[str](),
    "diagnostics": {"redaction"},
    "redaction": set[str](),
    "clock": set[str](),
    "machine": set[str](),
    "liveness": set[str](),
    "processes": BASE | {"machine", "liveness"},
    # Its process loads nothing else of ours while it waits.
    "watcher": {"liveness"},
    "duration": BASE,
    "settings": BASE,
    "plain_toml": set[str](),
    "storage": BASE,
    "protocol": WIRE,
    "names": BASE,
    "entries": WIRE | {"processes"},
    "versioned": WIRE,
    "pending": DISK | {"liveness"},
    "budgets": WIRE,
    "purse": DISK,
    "spending": WIRE,
    "usage": WIRE,
    "modes": WIRE,
    "ledger": DISK,
    "records": DISK,
    "history": DISK,
    "state": DISK,
    "cache": BASE | {"settings", "storage"},
    "tags": BASE | {"cache"},
    "instances": WIRE,
    "devices": WIRE,
    "options": WIRE,
    "observables": BASE,
    "agreement": BASE,
    "wanted": BASE | {"observables"},
    "verdicts": BASE | {"agreement", "observables", "wanted"},
    "references": BASE | {"agreement"},
    "ideal": BASE | {"agreement"},
    "foreseeing": LIBRARY | {"ideal"},
    "client": CLIENT | {"__version__"},
    "codec": WIRE | {"codec"},
    "screening": BASE,
    "misfits": BASE,
    "api_key": BASE,
    "account_file": DISK,
    "accounts": ACCOUNTS,
    "account_reports": ACCOUNTS,
    "reports": DISK | {"tags", "spending", "processes"},
    "render": BASE
    | {"duration", "render", "reports", "account_reports", "results", "overview", "job_lists"}
    | {"devices", "protocol.models", "usage", "estimating", "local.process.daemon"}
    | {"verdicts", "events", "recaps", "settings", "protocol.fields", "protocol.status"},
    # Of the runtime the library knows how to start and to find it; that needs no more than files.
    "service": LIBRARY | {"local.process.daemon", "local.account.identity"},
    "connection": LIBRARY | {"local.process.daemon", "local.account.identity"},
    # It looks at the runtime's files from outside.
    "checkups": LIBRARY | {"local.process", "local.store"},
    "unmodified": {"settings", "protocol", "local.process.daemon", "local.account.identity"},
    "local": WIRE | {"settings", "storage", "machine", "local", "codec", "__version__"},
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
    "codec",
    "circuits",
    "transpilation",
    "backend",
    "target",
    "angles",
    "delays",
    "isa",
    "ideal",
} | {
    "primitives",
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


ALL_IMPORTS = [found for path in sorted(PACKAGE.rglob("*.py")) for found in imports_of(path)]


def is_within(target: str, modules: set[str]) -> bool:
    return any(target == module or target.startswith(f"{module}.") for module in modules)


def test_walk_sees_the_package() -> None:
    assert len({found.file for found in ALL_IMPORTS}) > 30
    assert any(found.is_at_top for found in ALL_IMPORTS)
    assert any(not found.is_at_top for found in ALL_IMPORTS)


def test_imports_point_one_way() -> None:
    wrong = []
    for found in ALL_IMPORTS:
        head, _, target = found.target.partition(".")
        if head != "qrsession" or not target:
            continue
        room = found.file.split(".")[0]
        allowed = ALLOWED.get(room, LIBRARY if room in LIBRARY else set())
        if room == "local" and not is_within(found.file, DECODERS):
            allowed = allowed - {"codec"}
        if not is_within(target, allowed | {room}):
            wrong.append(str(found))
    assert wrong == []


def test_every_room_has_its_place() -> None:
    rooms = {name_of(path).split(".")[0] for path in PACKAGE.rglob("*.py")}
    assert rooms - set(ALLOWED) - LIBRARY == set()


def test_heavy_modules_are_imported_where_they_are_needed() -> None:
    wrong = [
        str(found)
        for found in ALL_IMPORTS
        for module, rooms in HEAVY.items()
        if found.is_at_top
        and is_within(found.target, {module})
        and not is_within(found.file, rooms)
    ]
    assert wrong == []


def test_some_modules_are_never_imported() -> None:
    assert [str(found) for found in ALL_IMPORTS if is_within(found.target, set(NEVER))] == []


@pytest.mark.parametrize("room", ["protocol", "local.process.daemon", "liveness", "watcher"])
def test_rooms_of_the_standard_library(room: str) -> None:
    import sys  # noqa: PLC0415 - a list of names, for this test alone

    known = {*sys.stdlib_module_names, "qrsession"}
    wrong = [
        str(found)
        for found in ALL_IMPORTS
        if is_within(found.file, {room}) and found.target.split(".")[0] not in known
    ]
    assert wrong == []
