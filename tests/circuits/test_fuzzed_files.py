"""Circuit files of every kind, damaged at random: read, or refused with an error for people.

What kills the parser's process is fine, since there it is alone; what gets by it is not.
"""

import io
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from qiskit import QuantumCircuit, qasm2, qpy
from qiskit.circuit import Parameter

from qrsession.circuits import parser_process
from qrsession.circuits.parsing import parse_circuits
from qrsession.circuits.sources import (
    SourceFormat,
    circuit_names,
    list_examples,
    read_source,
)
from qrsession.circuits.untranspiled import prepare_untranspiled, wire_of_qpy
from qrsession.errors import CircuitError
from tests.damage import damaged
from tests.documents import Document, parsed
from tests.sandbox import End, Outcome, Sandbox


def a_circuit() -> QuantumCircuit:
    theta = Parameter("θ")
    inner = QuantumCircuit(2, name="inner")
    inner.rx(theta, 0)
    inner.cx(0, 1)
    circuit = QuantumCircuit(2, 2, metadata={"by": "somebody"})
    circuit.append(inner.to_gate(), [0, 1])
    circuit.rz(2 * theta + 1, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    with circuit.for_loop(range(3)):
        circuit.h(0)
    circuit.unitary([[0, 1], [1, 0]], [0])
    circuit.measure([0, 1], [0, 1])
    return circuit


def qpy_files() -> list[bytes]:
    files = []
    for version in range(13, qpy.QPY_VERSION + 1):
        buffer = io.BytesIO()
        qpy.dump([a_circuit()], buffer, version=version)
        files.append(buffer.getvalue())
    return files


QASM2 = [
    qasm2.dumps(QuantumCircuit(2, 2)).encode(),
    read_source("@bell-qasm2").data,
    (
        b'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nopaque far a;\n'
        b"gate own(x, y) a, b { U(x, sin(y)/2, -pi^2) a; CX a, b; barrier a; }\n"
        b"own(0.5, 3*(1+2)) q[0], q[1];\nif (c == 1) reset q;\nmeasure q -> c;\n"
    ),
]
QASM3 = [
    *(read_source(f"@{name}").data for name in list_examples() if not name.endswith("qasm2")),
    (
        b'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput float theta;\n'
        b"qubit[2] q;\n"
        b"bit[2] c; bit one;\ngate own(x) a, b { rx(x / 2) a; ctrl @ inv @ s a, b; }\n"
        b"own(theta) q[0], q[1];\nfor int i in [0:2:6] { rz(i * pi) q[0]; }\ndelay[10ns] q[0];\n"
        b"c = measure q;\nif (c == 3) { x q[0]; } else { reset q; }\n"
        b"let a = q[0:1];\nwhile (c == 1) "
        b"{ one = measure a[1]; }\nbarrier q;\n"
    ),
]
WORDS = [
    *("OPENQASM 3.0;", "OPENQASM 2.0;", 'include "qelib1.inc";', 'include "/dev/zero";', "gate"),
    *("qreg q[9999];", "qubit[9999] z;", "[0:1000000000000]", "1e999", "0x", "9" * 40, "1/0"),
    *("measure", "input angle", "$9999", "pow(1e9) @", "ctrl(50) @", "(" * 300, "{" * 300),
    *("bit[10000] b;", "def f() {}", "pragma x", "extern f();", "-", "ln(0)", "[", "]", ";", "}"),
]
FORMATS = {"OpenQASM 2": QASM2, "OpenQASM 3": QASM3, "QPY": qpy_files()}


def read_all(data: bytes) -> str:
    """Do to a file what the command does, and say how it ended."""
    name = "circuit"
    file = Path(name)
    file.write_bytes(data)
    try:
        source = read_source(name)
    except CircuitError as error:
        return error.message
    assert len(circuit_names([source])) >= 1
    if source.format is SourceFormat.QPY:
        with suppress(CircuitError):
            wire_of_qpy(source)
    if source.format is not SourceFormat.QASM2:
        for configuration, properties in (SIMULATOR, DEVICE):
            with suppress(CircuitError):
                prepare_untranspiled(source, configuration, properties)
    head, _ = parser_process._parse(source)
    said = json.loads(head)
    if not said:
        # What the child could read, the parent can.
        assert parse_circuits(source)
        return ""
    message: str = said["message"]
    assert message.startswith(name)
    return message


DEVICE = parsed("fez")
SIMULATOR: tuple[Document, Document] = ({"n_qubits": 100, "simulator": True}, {})


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("fuzz")

    def look(data: bytes) -> str:
        os.chdir(folder)
        return read_all(data)

    with Sandbox(look, memory_bytes=2**31) as running:
        yield running


def check(sandbox: Sandbox, data: bytes) -> None:
    outcome = sandbox.run(data)
    assert outcome.end in {End.RETURNED, End.DIED}, f"{outcome.end}\n{outcome.words}"
    if outcome.end is End.RETURNED:
        assert "\n" not in outcome.value


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_as_it_was_written_is_read(sandbox: Sandbox, form: str) -> None:
    for data in FORMATS[form]:
        outcome = sandbox.run(data)
        assert outcome == Outcome(End.RETURNED, "")


def look_at(sandbox: Sandbox, form: str, examples: int) -> None:
    words = () if form == "QPY" else WORDS

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged(FORMATS[form], words))
    def look(data: bytes) -> None:
        check(sandbox, data)

    look()


@pytest.mark.parametrize("form", FORMATS)
def test_damage_is_told(sandbox: Sandbox, form: str) -> None:
    look_at(sandbox, form, 25)


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", FORMATS)
def test_more_damage_is_told(sandbox: Sandbox, form: str) -> None:
    look_at(sandbox, form, 3000)
