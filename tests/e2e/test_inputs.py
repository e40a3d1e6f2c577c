"""Circuit files as people have them: good ones run, bad ones are one clear error."""

import io
import sys
import time
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qpy

from qrsession.circuits.sources import list_examples
from qrsession.local.process import daemon
from tests.conftest import settings_of
from tests.e2e.conftest import Cli
from tests.e2e.programs import write
from tests.sample_circuits import with_a_gate_that_claims

pytestmark = pytest.mark.timeout(120)

ON_SIMULATOR = ("--local", "--backend", "aer_simulator", "--shots", "20")
LONGEST_REFUSAL_S = 15.0

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def bell_as_qpy() -> bytes:
    bell = QuantumCircuit(2, 2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure([0, 1], [0, 1])
    buffer = io.BytesIO()
    qpy.dump(bell, buffer)
    return buffer.getvalue()


def doubling_gates(header: str, rest: str) -> str:
    """Return forty gates of which each uses the one before twice: 2^40 operations."""
    gates = [f"gate g{i} a {{ g{i - 1} a; g{i - 1} a; }}\n" for i in range(1, 40)]
    return header + "gate g0 a { x a; }\n" + "".join(gates) + rest


# Content, words of the message, and the line that it names.
BAD: dict[str, tuple[str | bytes, str, int | None]] = {
    "empty": ("", "is empty", None),
    "50 MB": (b"OPENQASM 2.0;\n" + b"// comment\n" * 4_600_000, "more than 32 MiB", None),
    "binary junk": (bytes(range(256)) * 20, "neither OpenQASM text nor QPY", None),
    "another language": ("from qiskit import QuantumCircuit\n", "no circuit", 1),
    "QPY cut short": (bell_as_qpy()[:-5], "cannot be read: failed to fill", None),
    "a wide register": (QASM2 + "qreg q[20000000];\n", "at most 10000", 3),
    "a wide register in 3": (QASM3 + "\nqubit[20000000] q;\n", "at most 10000", 4),
    "a device for an include": (
        QASM2 + 'include "/dev/zero";\nqreg q[1];\n',
        "which is no file",
        3,
    ),
    "a distant qubit": (QASM3 + "bit c;\nc = measure $20000000;\n", "$20000000", 4),
    "gates within gates": (
        doubling_gates(QASM2, "qreg q[1];\ncreg c[1];\ng39 q[0];\nmeasure q -> c;\n"),
        "when its gates are written out",
        24,
    ),
    "gates within gates in 3": (
        doubling_gates(QASM3, "qubit q;\nbit c;\ng39 q;\nc = measure q;\n"),
        "when its gates are written out",
        19,
    ),
    "a loop of includes": ('OPENQASM 2.0;\ninclude "circuit.any";\n', "circuit.any", None),
    "a mistake": (QASM2 + "qreg q[2];\nbanana q;\n", "'banana' is not defined", 4),
    "a mistake in 3": (QASM3 + "qubit q;\nbanana q;\n", "'banana' is not defined", 4),
    "blocks too deep": (
        QASM3 + "qubit q; bit c;" + "if(c){" * 3000 + "x q;" + "}" * 3000 + "c = measure q;",
        "nested too deeply",
        None,
    ),
    "nothing measured": (QASM2 + "qreg q[2];\ncreg c[2];\nh q[0];\n", "measures nothing", None),
}


if sys.platform == "linux":
    # Elsewhere the system has no bound of memory for it.
    evil = with_a_gate_that_claims(2**32 - 1)
    BAD["QPY of a gate that claims 2^32 qubits"] = (evil, "its parser ran out of memory", None)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_circuit_is_one_clear_error(cli: Cli, name: str) -> None:
    """It names file and line, takes no time, and is exit 2; `Cli.error` counts its lines."""
    text, words, line = BAD[name]
    write(cli, "circuit.any", text)
    started = time.monotonic()
    error = cli.error(2, "run", "circuit.any", *ON_SIMULATOR)
    assert time.monotonic() - started < LONGEST_REFUSAL_S
    assert error["code"] == "invalid_circuit"
    assert words in error["message"]
    assert len(error["message"]) < 300
    assert "circuit.any" in error["message"]
    assert error["details"]["path"] == "circuit.any"
    assert error["details"].get("line") == line
    if line is not None and "starts with" not in error["message"]:
        assert f"line {line}" in error["message"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.qasm", "missing.qasm cannot be read: No such file"),
        (".", "Is a directory"),
        ("no*match", "No file matches"),
        ("@nothing", "no example"),
        ("", "cannot be read"),
        ("x" * 5000, "name too long"),
        ("/dev/null", "/dev/null is no circuit: it is empty"),
    ],
)
def test_a_file_that_is_not_there(cli: Cli, name: str, words: str) -> None:
    """It is told as what it is, and is exit 2."""
    error = cli.error(2, "run", name, *ON_SIMULATOR)
    assert error["code"] == "invalid_circuit"
    assert words in error["message"]


def test_an_included_file_is_held_against_the_bounds_too(cli: Cli) -> None:
    """What is too large is found in the file that has it."""
    write(cli, "wide.inc", "qreg q[20000000];\n")
    write(cli, "outer.qasm", 'OPENQASM 2.0;\ninclude "wide.inc";\nmeasure q[0] -> c[0];\n')
    error = cli.error(2, "run", "outer.qasm", *ON_SIMULATOR)
    assert "wide.inc, line 1" in error["message"]


def test_a_mistake_in_one_file_sends_no_other(cli: Cli, session: str) -> None:
    """All files are read before the first job is sent."""
    write(cli, "bad.qasm", QASM2 + "banana;\n")
    error = cli.error(2, "run", "@bell", "@ghz", "bad.qasm", "--separate", "-s", session)
    assert "bad.qasm, line 3" in error["message"]
    assert cli.data("status", session)["jobs"] == []


# Bitstrings that each example must give, and no other.
EXPECTED = {
    "bell": {"00", "11"},
    "bell-qasm2": {"00", "11"},
    "ghz": {"00000", "11111"},
}


def test_every_bundled_example_runs(cli: Cli) -> None:
    """All of them in one job, as they are called in help and README."""
    names = list_examples()
    assert len(names) == 8
    values = ("--param", "alpha=0.4", "--param", "beta=1.2", "--param", "theta=0.7")
    ran = cli.data("run", *[f"@{name}" for name in names], *ON_SIMULATOR, *values)
    assert len(ran["pubs"]) == len(names)
    for name, pub in zip(names, ran["pubs"], strict=True):
        assert sum(pub["counts"].values()) == pub["shots"] == 20
        assert set(pub["counts"]) <= EXPECTED.get(name, set(pub["counts"])), name


def ghz(num_qubits: int) -> str:
    gates = "".join(f"cx q[{i}], q[{i + 1}];\n" for i in range(num_qubits - 1))
    head = f"qubit[{num_qubits}] q;\nbit[{num_qubits}] c;\nh q[0];\n"
    return QASM3 + head + gates + "c = measure q;\n"


def test_qpy_runs(cli: Cli) -> None:
    """A file in Qiskit's own form, told by its content."""
    write(cli, "bell.dat", bell_as_qpy())
    (pub,) = cli.data("run", "bell.dat", *ON_SIMULATOR)["pubs"]
    assert set(pub["counts"]) <= {"00", "11"}


def test_a_hundred_qubits_of_clifford_gates(cli: Cli) -> None:
    """Aer's stabilizer method takes them, whatever the memory."""
    write(cli, "ghz.qasm", ghz(100))
    (pub,) = cli.data("run", "ghz.qasm", *ON_SIMULATOR)["pubs"]
    assert set(pub["counts"]) <= {"0" * 100, "1" * 100}


def test_too_wide_for_the_memory_is_refused_and_the_runtime_goes_on(
    cli: Cli, shared_home: Path
) -> None:
    """Forty qubits of other gates fail as a job before memory is spent."""
    turned = "".join(f"h q[{i}];\nt q[{i}];\n" for i in range(40))
    mixed = ghz(40).replace("c = measure", turned + turned + "c = measure")
    write(cli, "wide.qasm", mixed)
    cli.ok("local", "start")
    before = daemon.find(settings_of(shared_home))
    done = cli.run("run", "wide.qasm", *ON_SIMULATOR, "--quiet", "--json")
    assert done.returncode == 6
    assert "40 qubits" in done.stderr
    assert "16 TiB" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert sum(cli.data("run", "@bell", *ON_SIMULATOR)["pubs"][0]["counts"].values()) == 20
    assert daemon.find(settings_of(shared_home)) == before
