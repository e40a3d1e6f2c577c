"""Reading OpenQASM 2, OpenQASM 3 and QPY; what parsers refuse is told with file and line."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, qasm3, qpy
from qiskit.circuit import Clbit, Parameter
from qiskit.quantum_info import Operator

from qrsession.backend import Backend
from qrsession.circuits.isolation import read_circuits
from qrsession.circuits.reading import measures, prepare_source
from qrsession.circuits.sources import Source, Transpilation, read_source
from qrsession.codec import decode
from qrsession.errors import CircuitError

pytestmark = pytest.mark.fast

AS_IT_IS = Transpilation(optimization_level=None)


def source_of(folder: Path, data: str | bytes, name: str = "circuit.qasm") -> Source:
    file = folder / name
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_source(str(file))


def qpy_of(*circuits: QuantumCircuit, version: int = qpy.QPY_VERSION) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(list(circuits), buffer, version=version)
    return buffer.getvalue()


def asymmetric() -> QuantumCircuit:
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(1, "a"), ClassicalRegister(2, "b")
    )
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.rz(math.pi / 8, 1)
    circuit.measure([0, 1, 2], [2, 0, 1])
    return circuit


@pytest.mark.parametrize("form", ["OpenQASM 2", "OpenQASM 3", "QPY"])
def test_one_circuit_in_each_format(tmp_path: Path, form: str) -> None:
    circuit = asymmetric()
    data = {
        "OpenQASM 2": qasm2.dumps(circuit),
        "OpenQASM 3": qasm3.dumps(circuit),
        "QPY": qpy_of(circuit),
    }[form]
    source = source_of(tmp_path, data)
    assert source.format == form
    (read,) = read_circuits(source)
    assert [(reg.name, reg.size) for reg in read.cregs] == [("a", 1), ("b", 2)]
    found = [
        (item.operation.name, [read.find_bit(bit).index for bit in (*item.qubits, *item.clbits)])
        for item in read.data
    ]
    assert found == [
        ("h", [0]),
        ("cx", [0, 2]),
        ("rz", [1]),
        ("measure", [0, 2]),
        ("measure", [1, 0]),
        ("measure", [2, 1]),
    ]


def test_several_circuits_in_one_qpy_file(tmp_path: Path) -> None:
    first, second = asymmetric(), QuantumCircuit(1, 1)
    for version in (13, 15, 16, qpy.QPY_VERSION):
        read = read_circuits(source_of(tmp_path, qpy_of(first, second, version=version)))
        assert read == [first, second]


# Gates that Qiskit's older reader took for built in, though qelib1.inc never had them.
LEGACY = {
    "csx q[0],q[1];": lambda circuit: circuit.csx(0, 1),
    "cu(0.1,0.2,0.3,0.4) q[0],q[1];": lambda circuit: circuit.cu(0.1, 0.2, 0.3, 0.4, 0, 1),
    "rxx(0.5) q[0],q[1];": lambda circuit: circuit.rxx(0.5, 0, 1),
    "rzz(0.5) q[0],q[1];": lambda circuit: circuit.rzz(0.5, 0, 1),
    "rccx q[0],q[1],q[2];": lambda circuit: circuit.rccx(0, 1, 2),
    "c3x q[0],q[1],q[2],q[3];": lambda circuit: circuit.mcx([0, 1, 2], 3),
    "rx(asin(0.5)) q[0];": lambda circuit: circuit.rx(math.asin(0.5), 0),
    "p(0.5) q[0];": lambda circuit: circuit.p(0.5, 0),
    "sxdg q[0];": lambda circuit: circuit.sxdg(0),
    "swap q[0],q[3];": lambda circuit: circuit.swap(0, 3),
}


@pytest.mark.parametrize("line", LEGACY)
def test_gates_of_files_out_there(tmp_path: Path, line: str) -> None:
    text = f'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[4];\n{line}\n'
    (read,) = read_circuits(source_of(tmp_path, text))
    expected = QuantumCircuit(4)
    LEGACY[line](expected)
    assert Operator(read) == Operator(expected)


def test_a_file_beside_a_file_is_included(tmp_path: Path) -> None:
    (tmp_path / "mine.inc").write_text("gate both a, b { CX a, b; CX b, a; }\n")
    source = source_of(
        tmp_path, 'OPENQASM 2.0;\ninclude "mine.inc";\nqreg q[2];\nboth q[0],q[1];\n'
    )
    (read,) = read_circuits(source)
    assert [item.operation.name for item in read.data] == ["both"]


HEADER_2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
HEADER_3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
MISTAKES = {
    HEADER_2 + "qreg q[1];\nfoo q[0];\n": (4, "'foo' is not defined"),
    HEADER_2 + "qreg q[1];\n\n\nh q[5];\n": (6, "out-of-range"),
    HEADER_2 + "qreg q[1]\nh q[0];\n": (4, "';'"),
    HEADER_2 + "qreg q[1]; rx(1/0) q[0];\n": (3, "divide by zero"),
    HEADER_2 + "qreg q[1]; rx(ln(-1)) q[0];\n": (3, "ln"),
    HEADER_2 + 'include "none.inc";\n': (3, "none.inc"),
    HEADER_2 + "qreg q[1];\x00": (3, "token"),
    HEADER_3 + "qubit q;\nfoo q;\n": (4, "'foo' is not defined"),
    HEADER_3 + "qubit[2] q;\nh q[7];\n": (None, "out of range"),
    HEADER_3 + "qubit q;\n}\n": (4, ""),
    HEADER_3 + "qubit q;;\n": (3, "';' is not expected"),
    HEADER_3 + "qubit q;\nint i = 5;\nwhile (i < 3) { x q; }\n": (None, ""),
    HEADER_3 + 'include "mine.inc";\n': (3, "imports"),
    HEADER_3 + "qubit q;\noutput bit c;\n": (4, "output"),
    HEADER_3 + "float a = " + "(" * 3000 + "1" + ")" * 3000 + ";": (None, "too deeply"),
    HEADER_3 + "qubit q;" + "if (true) {" * 600 + "}" * 600: (None, "too deeply"),
}


@pytest.mark.parametrize("text", MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_are_told_with_file_and_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    line, words = MISTAKES[text]
    source = source_of(tmp_path, text)
    with pytest.raises(CircuitError) as caught:
        read_circuits(source)
    error = caught.value
    assert error.details["path"] == source.name
    assert words in error.message
    assert error.message.startswith(source.name)
    assert "\n" not in error.message
    if line is not None:
        assert error.details["line"] == line
        assert f"line {line}" in error.message
    assert source.format in error.advice
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("data", [b"QISKIT", b"QISKIT\x11", b"QISKIT\x0c" + bytes(40)])
def test_qpy_that_is_damaged_or_old(tmp_path: Path, data: bytes) -> None:
    source = source_of(tmp_path, data, "a")
    with pytest.raises(CircuitError) as caught:
        read_circuits(source)
    assert caught.value.details["path"] == source.name
    assert caught.value.message.startswith(f"{source.name}: ")


def test_advice_on_an_old_qpy_file_is_kept(tmp_path: Path) -> None:
    data = bytearray(qpy_of(asymmetric(), version=13))
    data[6] = 12
    with pytest.raises(CircuitError, match="version 12") as caught:
        read_circuits(source_of(tmp_path, bytes(data)))
    assert "Qiskit of version 1.3" in caught.value.advice


def test_single_bits_of_openqasm_3_are_registers(tmp_path: Path) -> None:
    """The sampler returns registers alone, so what is measured into a lone bit must have one."""
    text = HEADER_3 + "qubit[2] q;\nbit first;\nbit[2] c;\nbit last;\n"
    text += "first = measure q[0];\nif (first) { x q[1]; }\nc = measure q;\nlast = measure q[1];\n"
    (read,) = read_circuits(source_of(tmp_path, text))
    assert [(reg.name, reg.size) for reg in read.cregs] == [("first", 1), ("c", 2), ("last", 1)]
    measured = [item for item in read.data if item.operation.name == "measure"]
    assert [read.find_bit(item.clbits[0]).registers[0][0].name for item in measured] == [
        "first",
        "c",
        "c",
        "last",
    ]


# Whether there is something to sample


def with_measured_block() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.measure(1, 0)
    return circuit


def with_composite() -> QuantumCircuit:
    inner = QuantumCircuit(1, 1)
    inner.measure(0, 0)
    circuit = QuantumCircuit(2, 2)
    circuit.append(inner.to_instruction(), [1], [1])
    return circuit


def without_register() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.add_bits([Clbit()])
    circuit.measure(0, 0)
    return circuit


def with_reset_only() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.reset(0)
    return circuit


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (asymmetric, True),
        (with_measured_block, True),
        (with_composite, True),
        (without_register, False),
        (with_reset_only, False),
        (lambda: QuantumCircuit(2), False),
    ],
    ids=["plain", "in a block", "in an instruction", "without register", "reset", "empty"],
)
def test_whether_a_circuit_measures(make: object, expected: bool) -> None:
    assert callable(make)
    assert measures(make()) is expected


# To the wire


def simulator(num_qubits: int, *extra: str) -> Backend:
    return Backend(
        {
            "backend_name": "small",
            "n_qubits": num_qubits,
            "basis_gates": ["rz", "sx", "cz", *extra],
            "gates": [],
            "coupling_map": None,
            "simulator": True,
        }
    )


def test_a_prepared_circuit_is_known_without_parsing_it(tmp_path: Path) -> None:
    circuit = asymmetric()
    circuit.rx(Parameter("zeta"), 0)
    circuit.ry(Parameter("alpha"), 1)
    (prepared,) = prepare_source(
        source_of(tmp_path, qpy_of(circuit)), simulator(3, "cx", "rx", "ry"), AS_IT_IS
    )
    assert decode(prepared.wire) == circuit
    assert prepared.parameters == ("alpha", "zeta")
    assert prepared.source_parameters == prepared.parameters
    assert prepared.has_measurement


def test_a_parameter_that_transpiling_removes_is_remembered(tmp_path: Path) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.rz(Parameter("phase"), 0)
    circuit.measure(0, 0)
    backend = simulator(1)
    source = source_of(tmp_path, qpy_of(circuit))
    (prepared,) = prepare_source(source, backend, Transpilation(2))
    assert (prepared.parameters, prepared.source_parameters) == ((), ("phase",))


def test_without_a_level_a_circuit_goes_as_it_is(tmp_path: Path) -> None:
    source = source_of(tmp_path, qasm2.dumps(asymmetric()))
    (as_it_is,) = prepare_source(source, simulator(3, "cx"), AS_IT_IS)
    (rewritten,) = prepare_source(source, simulator(3), Transpilation(0))
    assert decode(as_it_is.wire).count_ops()["h"] == 1
    assert set(decode(rewritten.wire).count_ops()) <= {"rz", "sx", "cz", "measure"}


def test_a_circuit_that_is_too_wide(tmp_path: Path) -> None:
    backend = simulator(2)
    source = source_of(tmp_path, qasm2.dumps(asymmetric()))
    with pytest.raises(CircuitError, match="has 3 qubits, the backend 2") as caught:
        prepare_source(source, backend, Transpilation(1))
    assert caught.value.details["path"] == source.name


def test_metadata_of_people_travels(tmp_path: Path) -> None:
    circuit = asymmetric()
    circuit.metadata = {"angles": np.arange(2.0).tolist(), "by": "name"}
    (prepared,) = prepare_source(
        source_of(tmp_path, qpy_of(circuit)), simulator(3, "cx", "rx", "ry"), AS_IT_IS
    )
    assert decode(prepared.wire).metadata == {"angles": [0.0, 1.0], "by": "name"}
