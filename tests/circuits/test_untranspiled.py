"""Circuits that go as they are: what their words tell, held against a device's documents."""

import base64
import io
import json
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from qrsession.accounts.account import local_account
from qrsession.circuits.prepared import Place, Preparation
from qrsession.circuits.sources import (
    PreparedCircuit,
    Source,
    SourceFormat,
    Transpilation,
    read_source,
)
from qrsession.circuits.untranspiled import faulty_qubits, prepare_untranspiled, wire_of_qpy
from qrsession.codec import decode
from qrsession.errors import CircuitError
from qrsession.pubs.values import ParameterValues
from qrsession.service import BackendDocuments, RuntimeService
from qrsession.settings import Settings
from qrsession.verbs.runs import RunRequest, params_of
from tests.documents import Document, backend_of, parsed

HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
SIMULATOR: Document = {
    "backend_name": "aer_simulator",
    "n_qubits": 4,
    "simulator": True,
    "coupling_map": None,
    "basis_gates": ["h", "cx"],
    "gates": [],
}
BROKEN = {"date": "2026-01-01T00:00:00Z", "name": "operational", "unit": "", "value": 0}


def source_of(folder: Path, data: str | bytes) -> Source:
    path = folder / "circuit"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_source(str(path))


def prepared(folder: Path, text: str, documents: tuple[Document, Document]) -> PreparedCircuit:
    found = prepare_untranspiled(source_of(folder, HEADER + text), *documents)
    assert found is not None
    return found


def qpy_of(*circuits: QuantumCircuit, version: int = 17) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(list(circuits), buffer, version=version)
    return buffer.getvalue()


def measured(width: int = 2) -> QuantumCircuit:
    circuit = QuantumCircuit(width, 1)
    circuit.ry(Parameter("angle"), 0)
    circuit.measure(0, 0)
    return circuit


# Text


def test_text_goes_as_text(tmp_path: Path) -> None:
    text = """// measure nothing; input float[64] no;
input float[64] theta;
input angle phi; /* input float x; */
bit[2] c;
rz(theta) $0; sx $0; rz(-phi + pi/2) $0;
cz $0, $1;
c[0] = measure $0;
"""
    circuit = prepared(tmp_path, text, parsed("fez"))
    assert circuit.wire == HEADER + text
    assert circuit.parameters == circuit.source_parameters == ("theta", "phi")
    assert circuit.has_measurement
    assert (circuit.register_problem, circuit.has_free_angles) == ("", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bit c; c = measure $0;", True),
        ("creg c[2]; measure $0 -> c[0];", True),
        ("bit[2] c; sx $0;", False),
        ("bit[2] c; // c = measure $0;\n", False),
        ("measure $0;", False),
    ],
)
def test_whether_text_measures(tmp_path: Path, text: str, *, expected: bool) -> None:
    assert prepared(tmp_path, text, parsed("fez")).has_measurement is expected


DEVICE_TEXTS: list[tuple[str, str, dict[str, Any]]] = [
    ("h $3;", "line 3: the instruction h on $3 cannot run: the backend has no such", {}),
    ("sx $0;\nsx $156;", "line 4: there is no physical qubit $156", {"line": 4}),
    ("cz $0, $5;", "cz on $0, $5 cannot run: the backend does not couple", {"qubits": [0, 5]}),
    ("cx $0,$1;", "cx on $0,$1", {"instruction": "cx", "qubits": [0, 1]}),
    ("if (true) { h $3; }", "h on $3", {}),
    ("U(0, 0, 0) $1;", "the instruction U", {"instruction": "U"}),
    ("sx $9;", "qubit 9 of the backend is out of order", {}),
    ("cz $2, $3;", "cz on $2, $3", {}),
    ("qubit[2] p; qubit[4] q;\ncz p[0], q[3];", "cz on p[0], q[3]", {"qubits": [0, 5]}),
    ("qubit[157] q;", "157 qubits, the backend 156", {}),
    ("rx((1 + (2 * 3)) / 4) $0;", "the instruction rx on $0", {}),
    ("input int n;", "the parameter 'n' is of type int", {}),
    ('include "mine.inc";', "includes 'mine.inc'", {}),
]


@pytest.mark.parametrize(("text", "words", "details"), DEVICE_TEXTS)
def test_text_that_a_device_cannot_run(
    tmp_path: Path, text: str, words: str, details: dict[str, Any]
) -> None:
    configuration, properties = parsed("fez")
    properties["qubits"][9].append(BROKEN)
    for gate in properties["gates"]:
        if (gate["gate"], gate["qubits"]) == ("cz", [2, 3]):
            gate["parameters"].append(BROKEN)
    with pytest.raises(CircuitError) as caught:
        prepared(tmp_path, text, (configuration, properties))
    assert words in caught.value.message
    assert caught.value.details.items() >= details.items()
    assert caught.value.details["path"] == str(tmp_path / "circuit")


@pytest.mark.parametrize(
    "text",
    [
        "qubit[2] q; cz q[0], q[1];",
        "qubit[2] q; x q; barrier q; barrier $1, $2; reset $0;",
        "gate mine a { sx a; } mine $3;",
        "bit[2] c; c = measure $0; if (c[0]) { x $1; } else { sx $1; }",
        "delay[100ns] $0; gphase(pi); inv @ sx $0;",
        "duration d; stretch s; let q = $0;",
        "def f(qubit a) { x a; return a; } f($0);",
        "for int i in [0:3] { x $0; }",
        "measure $0; cz $1, $0; rz(-pi/4) $155; id $1;",
    ],
)
def test_text_that_a_device_may_run(tmp_path: Path, text: str) -> None:
    assert prepared(tmp_path, text, parsed("fez")).wire == HEADER + text


def test_a_simulator_takes_any_gate(tmp_path: Path) -> None:
    text = "wobble $0; cz $0, $3;"
    assert prepared(tmp_path, text, (SIMULATOR, {})).wire == HEADER + text
    with pytest.raises(CircuitError, match=r"no physical qubit \$4"):
        prepared(tmp_path, "x $4;", (SIMULATOR, {}))
    with pytest.raises(CircuitError, match="5 qubits, the backend 4"):
        prepared(tmp_path, "qubit[2] p; qreg q[3];", (SIMULATOR, {}))


@pytest.mark.parametrize("declaration", ["bit[2] lambda;", "creg class[1];", "bit is;"])
def test_registers_that_cannot_name_a_result(tmp_path: Path, declaration: str) -> None:
    circuit = prepared(tmp_path, declaration, (SIMULATOR, {}))
    assert "needs another name" in circuit.register_problem


@pytest.mark.parametrize(
    "text",
    [
        "x" + " " * 300_000,
        "input" + " x" * 100_000,
        "input " + "x" * 300_000,
        "bit[" * 80_000,
        "x((" * 80_000,
        "x " + "$0, " * 80_000,
        "qubit" + " " * 300_000,
    ],
)
def test_checking_takes_time_in_proportion(text: str) -> None:
    source = Source("text", (HEADER + text).encode(), SourceFormat.QASM3)
    started_s = time.process_time()
    prepare_untranspiled(source, *parsed("manila"))
    assert time.process_time() - started_s < 2


# QPY


@pytest.mark.parametrize("version", [13, 14, 15, 16, 17])
def test_qpy_goes_as_its_own_bytes(tmp_path: Path, version: int) -> None:
    data = qpy_of(measured(), version=version)
    found = prepare_untranspiled(source_of(tmp_path, data), SIMULATOR, {})
    assert found is not None
    assert isinstance(found.wire, dict)
    assert zlib.decompress(base64.b64decode(found.wire["__value__"])) == data
    assert decode(found.wire).count_ops() == {"ry": 1, "measure": 1}
    assert (found.parameters, found.has_measurement) == (None, True)


def test_qpy_of_another_form_takes_qiskit(tmp_path: Path) -> None:
    newer = bytearray(qpy_of(measured()))
    newer[len("QISKIT")] = 18
    for data in (qpy_of(measured(), measured()), bytes(newer)):
        source = source_of(tmp_path, data)
        assert wire_of_qpy(source) is None
        assert prepare_untranspiled(source, SIMULATOR, {}) is None
    device = prepare_untranspiled(source_of(tmp_path, qpy_of(measured())), *parsed("fez"))
    assert device is None
    assert wire_of_qpy(read_source("@bell")) is None


def test_qpy_that_is_too_wide(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match="5 qubits, the backend 4"):
        prepare_untranspiled(source_of(tmp_path, qpy_of(measured(5))), SIMULATOR, {})


# Through the preparation


def preparation(folder: Path, documents: tuple[Document, Document]) -> Preparation:
    settings = Settings.from_environ({"QRSESSION_HOME": str(folder / "home")})
    service = RuntimeService(local_account(), settings=settings)
    found = BackendDocuments.of(*map(json.dumps, documents))
    return Preparation(Place.of_documents(service, found), Transpilation(None))


def native() -> QuantumCircuit:
    circuit = QuantumCircuit(156, 2)
    circuit.rz(Parameter("zeta"), 0)
    circuit.rz(Parameter("alpha"), 1)
    circuit.sx(0)
    circuit.cz(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def test_qpy_for_a_device_is_looked_at_and_goes_as_its_own_bytes(tmp_path: Path) -> None:
    source = source_of(tmp_path, qpy_of(native(), version=15))
    (circuit,) = preparation(tmp_path, parsed("fez")).prepare_all([source])
    assert circuit.wire == wire_of_qpy(source)
    assert circuit.parameters == ("alpha", "zeta")
    foreign = native()
    foreign.h(3)
    with pytest.raises(CircuitError, match="the instruction h on qubit 3"):
        preparation(tmp_path, parsed("fez")).prepare_all([source_of(tmp_path, qpy_of(foreign))])


def test_several_circuits_of_one_qpy_file(tmp_path: Path) -> None:
    written = native(), native()
    source = source_of(tmp_path, qpy_of(*written))
    circuits = preparation(tmp_path, parsed("fez")).prepare_all([source])
    assert [decode(circuit.wire) for circuit in circuits] == list(written)


def test_openqasm_2_for_a_device(tmp_path: Path) -> None:
    head = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[1];'
    (circuit,) = preparation(tmp_path, parsed("fez")).prepare_all(
        [source_of(tmp_path, f"{head} x q[0]; cz q[0], q[1]; measure q[0] -> c[0];")]
    )
    assert decode(circuit.wire).count_ops() == {"x": 1, "cz": 1, "measure": 1}
    with pytest.raises(CircuitError, match="the instruction h on qubit 1"):
        preparation(tmp_path, parsed("fez")).prepare_all(
            [source_of(tmp_path, f"{head} h q[1]; measure q[0] -> c[0];")]
        )


def test_a_bad_name_of_a_register_is_refused_on_every_way(tmp_path: Path) -> None:
    texts = (
        HEADER + "bit[1] class; class[0] = measure $0;",
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg class[1]; measure q -> class;',
    )
    for text in texts:
        with pytest.raises(CircuitError, match="'class' needs another name"):
            preparation(tmp_path, parsed("fez")).prepare_all([source_of(tmp_path, text)])


@pytest.mark.parametrize("machine", ["fez", "fractional"])
def test_values_of_text_go_by_name(tmp_path: Path, machine: str) -> None:
    text = "input float[64] zeta; input angle alpha; bit c; rz(zeta) $0; c = measure $0;"
    (circuit,) = preparation(tmp_path, parsed(machine)).prepare_all(
        [source_of(tmp_path, HEADER + text)]
    )
    request = RunRequest(
        sources=[], shots=7, values=ParameterValues.single({"alpha": 0.25, "zeta": 0.5})
    )
    assert params_of([circuit], request)["pubs"] == [
        [HEADER + text, {"zeta": 0.5, "alpha": 0.25}, 7]
    ]
    for values, words in (
        ({"zeta": 0.5}, "no values: alpha"),
        ({"alpha": 1.0, "zeta": 1.0, "beta": 1.0}, "has a parameter 'beta'"),
    ):
        with pytest.raises(CircuitError, match=words):
            params_of([circuit], RunRequest(sources=[], values=ParameterValues.single(values)))


def test_angles_with_bounds_are_held_against_values(tmp_path: Path) -> None:
    native = QuantumCircuit(5, 1)
    native.rzz(Parameter("angle"), 0, 1)
    native.measure(0, 0)
    (circuit,) = preparation(tmp_path, parsed("fractional")).prepare_all(
        [source_of(tmp_path, qpy_of(native))]
    )
    assert circuit.has_free_angles
    assert (
        params_of([circuit], RunRequest(sources=[], values=ParameterValues.single({"angle": 1.5})))[
            "version"
        ]
        == 2
    )
    with pytest.raises(CircuitError, match=r"angle 1\.75 where angle=1\.75"):
        params_of([circuit], RunRequest(sources=[], values=ParameterValues.single({"angle": 1.75})))


def test_faulty_qubits_as_qiskit_sees_them() -> None:
    _, properties = parsed("manila")
    assert faulty_qubits(properties) == set()
    properties["qubits"][2].append(BROKEN)
    properties["qubits"][3].append({**BROKEN, "value": 1})
    assert faulty_qubits(properties) == {2}
    assert faulty_qubits({}) == set()
    assert backend_of("manila").num_qubits == 5


def test_no_qiskit_is_loaded(tmp_path: Path) -> None:
    text = source_of(tmp_path, HEADER + "bit c; sx $0; c = measure $0;")
    (tmp_path / "text").write_bytes(text.data)
    (tmp_path / "qpy").write_bytes(qpy_of(measured()))
    documents = {"text": parsed("fez"), "qpy": (SIMULATOR, {})}
    (tmp_path / "documents").write_text(json.dumps(documents))
    script = (
        "import json, sys; from pathlib import Path\n"
        "from qrsession.circuits.untranspiled import prepare_untranspiled\n"
        "from qrsession.circuits.sources import read_source\n"
        "for name, found in json.loads(Path('documents').read_text()).items():\n"
        "    assert prepare_untranspiled(read_source(name), *found)\n"
        "print([name for name in ('qiskit', 'numpy', 'requests') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
