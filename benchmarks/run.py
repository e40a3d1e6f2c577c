"""Measures everything that is promised about speed, and prints one table: see docs/benchmarks.md.

::

    python benchmarks/run.py [--only NAME]... [--runs N] [--work FOLDER]
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

# Run as a file, this folder is on the path, and the one that its modules are named from is not.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import capacity, device_rows, ends, iterations, noise, shell_rows, sizes, venvs
from benchmarks.circuit_files import new_circuit
from benchmarks.ends import Home
from benchmarks.timing import Limit, Pair, Row, in_turn, measure, table

FOLDER = Path(__file__).resolve().parent
RUNS = 15
NUM_JOBS = 200
PEER_NAMES = ("first-run", "first-run-qasm3", "backend")
OWN_NAMES = ("version", "status", "env", "help", "second-run", "jobs", "import")
NAMES = (
    *OWN_NAMES,
    *shell_rows.NAMES,
    *PEER_NAMES,
    *device_rows.NAMES,
    *capacity.OWN_NAMES,
    *capacity.PEER_NAMES,
    noise.NAME,
    *iterations.LOOP_NAMES,
    *iterations.PEER_NAMES,
    *sizes.NAMES,
)


def rows(home: Home) -> list[Row]:
    """Return the rows that need no peer."""

    def against(ours: tuple[str, ...], script: str) -> Callable[[], Pair]:
        return in_turn(lambda: home.wall_ms(*ours), lambda: home.wall_ms("python", "-c", script))

    same_file = new_circuit(home.folder, 2)
    cheap = [("version", ("--version",)), ("status", ("status", "--cached")), ("env", ("env",))]
    return [
        *(
            Row(
                name,
                f"qrsession {' '.join(words)} / import typer",
                Limit(1.6),
                against(("qrsession", *words), "import typer"),
            )
            for name, words in cheap
        ),
        Row(
            "help",
            "qrsession --help / import typer",
            Limit(2.0),
            against(("qrsession", "--help"), "import typer"),
        ),
        Row(
            "second-run",
            "second run of a file / import requests, typer",
            Limit(1.6),
            against(("qrsession", "run", str(same_file)), "import requests, typer"),
        ),
        Row(
            "jobs",
            f"{NUM_JOBS} bell jobs in a session, each / Aer itself",
            Limit(10.0, is_multiple=False),
            lambda: Pair(
                **json.loads(home.output("python", "-P", FOLDER / "jobs.py", str(NUM_JOBS)))
            ),
            share=0.2,
        ),
        Row(
            "import",
            "import qrsession / pass",
            Limit(1.5),
            against(("python", "-c", "import qrsession"), "pass"),
        ),
    ]


def peer_rows(home: Home, peer: Home, port: int) -> list[Row]:
    """Return the rows that compare with the peer, whose emulator listens at a port."""
    # -P keeps what lies beside the script from being imported.
    script = ("-P", FOLDER / "peer.py", str(port), ends.DEVICE)
    session_id = peer.output("python", *script, "new").strip()

    def first_run(version: int) -> Callable[[], Pair]:
        def take() -> Pair:
            file = new_circuit(home.folder, version)
            return Pair(
                home.wall_ms("qrsession", "run", "--shots", "1024", file),
                peer.wall_ms("python", *script, session_id, file),
            )

        return take

    return [
        Row(
            name,
            f"first run of a file of OpenQASM {version} / qiskit-ibm-runtime",
            Limit(0.5),
            first_run(version),
        )
        for name, version in zip(PEER_NAMES, (2, 3), strict=False)
    ] + [backend_row(home, peer)]


def backend_row(home: Home, peer: Home) -> Row:
    """Return the row for building targets, which takes both packages and no service."""
    (snapshots,) = peer.scripts.parent.glob("lib/*/site-packages/*/fake_provider/backends")

    def build_ms(side: str, at: Home) -> float:
        return float(at.output("python", "-P", FOLDER / "backend.py", side, snapshots))

    return Row(
        "backend",
        "target of 156 qubits from its documents / qiskit-ibm-runtime",
        Limit(0.5),
        in_turn(lambda: build_ms("ours", home), lambda: build_ms("peer", peer)),
        share=0.5,
    )


def _arguments() -> argparse.Namespace:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    parser = argparse.ArgumentParser(description="Measure what is promised about speed.")
    parser.add_argument(
        "--only", choices=NAMES, action="append", help="a row to measure; repeatable; all"
    )
    parser.add_argument("--runs", metavar="N", type=int, default=RUNS, help=f"of a row; {RUNS}")
    parser.add_argument(
        "--work",
        metavar="FOLDER",
        type=Path,
        default=Path(cache) / "qrsession-benchmarks",
        help="where virtual environments are kept",
    )
    return parser.parse_args()


def _two_homes(stack: ExitStack, own: Path, work: Path) -> list[Home]:
    """Return a home of this package's, and one of the peer's."""
    both = [ends.new_home(venv) for venv in (own, venvs.peer_venv(work))]
    return [stack.enter_context(one) for one in both]


def _iteration_rows(stack: ExitStack, own: Path, work: Path, wanted: set[str]) -> list[Row]:
    """Return the rows of optimisers and sweeps that are wanted, with what they need up."""
    chosen: list[Row] = []
    if not wanted.isdisjoint(iterations.LOOP_NAMES):
        alone = stack.enter_context(ends.new_home(own))
        chosen += stack.enter_context(iterations.loop_rows(alone))
    if not wanted.isdisjoint(iterations.PEER_NAMES):
        homes = _two_homes(stack, own, work)
        chosen += stack.enter_context(iterations.peer_rows(*homes))
    return chosen


def _size_rows(stack: ExitStack, own: Path, work: Path, wanted: set[str]) -> list[Row]:
    """Return the rows of sizes and of noise that are wanted."""
    if wanted.isdisjoint({noise.NAME, *sizes.NAMES}):
        return []
    homes = _two_homes(stack, own, work)
    rows = [] if wanted.isdisjoint(sizes.NAMES) else sizes.size_rows(*homes)
    if noise.NAME in wanted:
        rows += stack.enter_context(noise.noise_row(*homes))
    return rows


def main() -> None:
    """Prepare, measure, and print the table."""
    arguments = _arguments()
    work = arguments.work.absolute()
    own = venvs.own_venv(work)
    with ExitStack() as stack:
        home = stack.enter_context(ends.new_home(own))
        wanted = set(arguments.only or NAMES)
        chosen = []
        if not wanted.isdisjoint({*OWN_NAMES, *PEER_NAMES}):
            stack.enter_context(ends.local_runtime(home))
            chosen += rows(home)
        if not wanted.isdisjoint(PEER_NAMES):
            peer = stack.enter_context(ends.new_home(venvs.peer_venv(work)))
            chosen += peer_rows(home, peer, stack.enter_context(ends.emulator(peer)))
        if not wanted.isdisjoint(shell_rows.NAMES):
            homes = [stack.enter_context(ends.new_home(own)) for _ in range(2)]
            chosen += stack.enter_context(shell_rows.shell_rows(*homes))
        if not wanted.isdisjoint(device_rows.NAMES):
            homes = _two_homes(stack, own, work)
            chosen += stack.enter_context(device_rows.device_rows(*homes))
        if not wanted.isdisjoint(capacity.OWN_NAMES):
            alone = stack.enter_context(ends.new_home(own))
            chosen += stack.enter_context(capacity.own_rows(alone))
        if not wanted.isdisjoint(capacity.PEER_NAMES):
            alone, peer = _two_homes(stack, own, work)
            port = stack.enter_context(ends.emulator(peer, is_noisy=True))
            chosen.append(capacity.peer_row(alone, peer, port))
        chosen += _iteration_rows(stack, own, work, wanted)
        chosen += _size_rows(stack, own, work, wanted)
        measured = []
        for row in chosen:
            if row.name in wanted:
                sys.stderr.write(f"Measuring {row.name}\n")
                measured.append(measure(row, arguments.runs))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.platform()}, {os.cpu_count()} CPUs")
    print(f"Python {platform.python_version()}, {venvs.versions(own, ['qiskit', 'typer'])}")
    print(table(measured))


if __name__ == "__main__":
    main()
