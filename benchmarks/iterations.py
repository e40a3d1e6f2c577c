"""Rows of what is done again and again: an optimiser's steps, and the points of a sweep."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import ends
from benchmarks.device_rows import variables
from benchmarks.ends import Home
from benchmarks.timing import Limit, Pair, Row, in_turn

LOOP_NAMES = ("stdin", "stdin-whole", "sweep-1000")
PEER_NAMES = ("sweep-1000-loop-100",)
BACKEND = "aer_simulator"
NUM_STEPS = 100
NUM_POINTS = 1000
# As many jobs as points would take the peer minutes, each time.
NUM_PEER_JOBS = 100
SHOTS = 1024
_FOLDER = Path(__file__).resolve().parent
_LAYERS, _QUBITS = 2, 4


@contextmanager
def loop_rows(home: Home) -> Iterator[list[Row]]:
    """Have the local runtime up, and give the rows that need no peer."""
    with ends.local_runtime(home):
        yield [*_stdin_rows(home, _ansatz_file(home.folder)), _sweep_row(home)]


def _stdin_rows(home: Home, file: Path) -> list[Row]:
    script = ("python", "-P", _FOLDER / "optimiser.py")

    def steps_ms(side: str) -> Callable[[], float]:
        return lambda: float(home.output(*script, side, file, str(NUM_STEPS)))

    def whole_ms(side: str) -> Callable[[], float]:
        return lambda: home.wall_ms(*script, side, file, str(NUM_STEPS))

    return [
        Row(
            LOOP_NAMES[0],
            f"{NUM_STEPS} steps of an optimiser by run --stdin-params / by the library",
            Limit(1.3),
            in_turn(steps_ms("stdin"), steps_ms("library")),
            share=0.5,
        ),
        Row(
            LOOP_NAMES[1],
            "the same with the start of all processes",
            Limit(1.3),
            in_turn(whole_ms("stdin"), whole_ms("library")),
            share=0.5,
        ),
    ]


def _sweep_row(home: Home) -> Row:
    file = _turn_file(home.folder)
    library = ("python", "-P", _FOLDER / "sweep.py", "library", file, str(NUM_POINTS))
    return Row(
        LOOP_NAMES[2],
        f"a sweep of {NUM_POINTS} points by one run / by one pub of the library",
        Limit(1.0),
        in_turn(lambda: sweep_ms(home, file), lambda: home.wall_ms(*library)),
        share=0.5,
    )


@contextmanager
def peer_rows(home: Home, peer: Home) -> Iterator[list[Row]]:
    """Have the local runtime up, and give the row that compares with qiskit-ibm-runtime on it."""
    with ends.local_runtime(home):
        data = json.loads(home.output("qrsession", "local", "status", "--json"))["data"]
        used = json.loads(home.output("qrsession", "usage", "--local", "--json"))["data"]
        secret = (Path(home.environ["QRSESSION_HOME"]) / "data/local/secret").read_text().strip()
        url = data["runtime"]["url"].removesuffix("/api/v1")
        by_peer = peer.having(variables(url, secret, used["usage"]["instance"]))
        file = _turn_file(home.folder)
        script = ("python", "-P", _FOLDER / "sweep.py", "peer", file, str(NUM_PEER_JOBS))

        def take() -> Pair:
            return Pair(sweep_ms(home, file), by_peer.wall_ms(*script))

        yield [
            Row(
                PEER_NAMES[0],
                f"a sweep of {NUM_POINTS} points by one run / {NUM_PEER_JOBS} jobs of "
                "qiskit-ibm-runtime",
                Limit(1.0),
                take,
                share=0.0,
            )
        ]


def sweep_ms(home: Home, file: Path) -> float:
    """Run a sweep from the shell, and return its wall time in milliseconds.

    Raises:
        RuntimeError: A point is missing from what it prints.
    """
    sweep = f"theta=0:3.14:{NUM_POINTS}"
    began_s = time.perf_counter()
    text = home.output("qrsession", "run", file, "--param", sweep, "--shots", str(SHOTS), "-q")
    elapsed_ms = 1000 * (time.perf_counter() - began_s)
    points = {line.split("\t")[0] for line in text.splitlines()}
    if len(points) != NUM_POINTS:
        raise RuntimeError(f"The sweep gave {len(points)} points.")
    return elapsed_ms


def _ansatz_file(folder: Path) -> Path:
    """Write a circuit of layers of turns and entangling gates, with an angle for each turn."""
    angles = [f"t{at}" for at in range(_LAYERS * _QUBITS)]
    lines = [
        "OPENQASM 3.0;",
        'include "stdgates.inc";',
        *(f"input float {angle};" for angle in angles),
        f"qubit[{_QUBITS}] q;",
        f"bit[{_QUBITS}] c;",
    ]
    for layer in range(_LAYERS):
        own = angles[layer * _QUBITS : (layer + 1) * _QUBITS]
        lines += [f"ry({angle}) q[{at}];" for at, angle in enumerate(own)]
        lines += [f"cx q[{at}], q[{at + 1}];" for at in range(_QUBITS - 1)]
    file = folder / "ansatz.qasm"
    file.write_text("\n".join([*lines, "c = measure q;\n"]))
    return file


def _turn_file(folder: Path) -> Path:
    """Write a circuit of two qubits with one angle."""
    file = folder / "turn.qasm"
    file.write_text(
        'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput float theta;\nqubit[2] q;\nbit[2] c;\n'
        "ry(theta) q[0];\ncx q[0], q[1];\nc = measure q;\n"
    )
    return file
