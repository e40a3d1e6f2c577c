"""What no honest client sends: refused, or the end of one job, and the runtime goes on serving."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibm_quantum_schemas.common import F64CompressedTensorModel
from ibm_quantum_schemas.common.qpy import CompressedQpyDataModel
from ibm_quantum_schemas.executor.version_2_0 import (
    CircuitItemModel,
    OptionsModel,
    ParamsModel,
    QuantumProgramModel,
)
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Gate, Parameter
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import SparsePauliOp

from qrsession.codec import encode
from qrsession.protocol import faults
from qrsession.protocol.typed import deflate, inflate
from tests.e2e.raw import BELL, Raw
from tests.mangling import ODD_TEXTS, bomb, mangled, nested, npy

pytestmark = pytest.mark.timeout(120)

ROTATED = (
    'OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; qubit[1] q; bit[1] c; '
    "ry(theta) q[0]; c[0] = measure q[0];"
)
TURNED = 'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; h q[0];'
# Codes of failed jobs that a client may meet, and of refusals.
OF_JOBS = {
    *(faults.JOB_NOT_VALID, faults.NOT_QASM, faults.TOO_FEW_SHOTS, faults.TOO_MANY_SHOTS),
    *(faults.SIMULATOR_ERROR, faults.RAN_TOO_LONG),
}
OF_REFUSALS = {faults.BAD_REQUEST, faults.TOO_MANY_TAGS, faults.TAG_TOO_LONG, "not_found"}


def rotated(*registers: str, size: int = 1) -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(1, "q"))
    for name in registers or ("c",):
        register = ClassicalRegister(size, name)
        circuit.add_register(register)
        for bit in register:
            circuit.measure(0, bit)
    return circuit


def turned() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.ry(Parameter("theta"), 0)
    circuit.measure(0, 0)
    return circuit


def typed(name: str, value: Any) -> dict[str, Any]:
    return {"__type__": name, "__value__": value}


def sampler(*pubs: Any, **more: Any) -> dict[str, Any]:
    return {"pubs": list(pubs), "version": 2, "support_qiskit": True, **more}


def program(circuit: QuantumCircuit, values: Any, shape: list[int]) -> dict[str, Any]:
    arguments = F64CompressedTensorModel.from_numpy(np.array(values, dtype=np.float64))
    made = QuantumProgramModel(
        shots=4,
        circuits=CompressedQpyDataModel.from_python([circuit]),
        items=[CircuitItemModel(circuit_arguments=arguments, shape=shape)],
        semantic_role=None,
    )
    params = ParamsModel(quantum_program=made, options=OptionsModel())
    document: dict[str, Any] = params.model_dump(mode="json")
    return document


def misdefined() -> QuantumCircuit:
    gate = Gate("two", 2, [])
    gate.definition = QuantumCircuit(1)
    gate.definition.x(0)
    circuit = QuantumCircuit(2, 1)
    circuit.append(gate, [0, 1])
    circuit.measure(0, 0)
    return circuit


def renamed(circuit: QuantumCircuit, old: str, new: str) -> dict[str, Any]:
    """Change a name in the bytes of a circuit, past the checks of Qiskit."""
    data = inflate(encode(circuit)["__value__"])
    assert old.encode() in data
    return typed("QuantumCircuit", deflate(data.replace(old.encode(), new.encode())))


VALID: list[dict[str, Any]] = [
    {"program_id": name, "backend": "aer_simulator", "params": params, "tags": ["a"], "cost": 60}
    for name, params in (
        ("sampler", sampler([ROTATED, [0.5], 4], options={"default_shots": 5})),
        (
            "sampler",
            sampler(
                [encode(turned()), encode(np.array([[0.1], [0.2]])), 4],
                [encode(turned()), encode(BindingsArray({"theta": [0.1, 0.2]})), 3],
                [encode(turned()), {"theta": 0.1}],
                options={"simulator": {"seed_simulator": 3}},
            ),
        ),
        ("estimator", {"pubs": [[TURNED, [{"X": 1.0, "Z": 0.5}, "Y"], None, 0.5]]}),
        (
            "estimator",
            sampler(
                [encode(turned()), encode(ObservablesArray([["X"], ["Z"]])), [[0.1], [0.2]], 0.5],
                [encode(turned()), encode(SparsePauliOp(["X", "Z"], [1, 0.5])), [0.1]],
                options={"default_precision": 0.2},
            ),
        ),
        ("executor", program(turned(), [[0.1], [0.2]], [2])),
    )
]


@pytest.fixture
def raw(shared_home: Path) -> Raw:
    return Raw(shared_home)


def check(raw: Raw, body: Any) -> None:
    reply = raw.send("POST", "/jobs", data=json.dumps(body))
    if reply.status_code == 200:
        state = raw.end_of(reply.json()["id"])
        assert state["status"] == "Completed" or state["reason_code"] in OF_JOBS, state
        return
    assert reply.status_code in {400, 404}, reply.text
    (error,) = reply.json()["errors"]
    assert error["code"] in OF_REFUSALS, error
    assert error["message"]


@pytest.mark.parametrize("examples", [25, pytest.param(3000, marks=pytest.mark.deep)])
@pytest.mark.timeout(1200)
def test_a_mangled_submission_is_refused_or_is_one_job_that_ends(raw: Raw, examples: int) -> None:
    assert raw.still_serves()
    before = raw.num_processes()

    @settings(max_examples=examples, deadline=None)
    @given(mangled(VALID, times=4))
    def look(body: Any) -> None:
        check(raw, body)

    look()
    assert raw.still_serves()
    assert raw.num_processes() <= before
    assert "Traceback" not in raw.log_file.read_text()


# Each way in which a job is wrong, by what IBM's code and the words say of it.
WRONG: dict[str, tuple[Any, int, str]] = {
    "malformed QASM": (sampler(["OPENQASM 3.0; banana"]), 1603, "could not be parsed"),
    "truncated base64": (
        sampler([typed("QuantumCircuit", encode(turned())["__value__"][:-7])]),
        3211,
        "Compressed data is",
    ),
    "a circuit that is a bomb": (
        sampler([typed("QuantumCircuit", bomb(b"QISKIT\x11", 300))]),
        3211,
        "Compressed data holds more than",
    ),
    "an array that is a bomb": (
        sampler([ROTATED, typed("ndarray", bomb(b"\x93NUMPY\x01\x00", 300))]),
        3211,
        "The header of an array",
    ),
    "an array that claims more": (
        sampler([ROTATED, npy("{'descr':'<f8','fortran_order':False,'shape':(999999999,)}")]),
        3211,
        "holds more than",
    ),
    "an array of pickles": (
        sampler([ROTATED, npy("{'descr':'|O','fortran_order':False,'shape':(1,)}", b"cos\n")]),
        3211,
        "Arrays of type '|O' are not taken",
    ),
    "QPY of a newer version": (
        sampler([typed("QuantumCircuit", deflate(b"QISKIT\x63" + bytes(99)))]),
        3211,
        "QPY data is of version 99",
    ),
    "QPY that claims ten million qubits": (
        sampler(
            [typed("QuantumCircuit", deflate(b"QISKIT\x0d" + bytes(10) + b"\x01q" + b"\xff" * 99))]
        ),
        3211,
        "claims a circuit of",
    ),
    "a value that is infinite": (
        sampler([ROTATED, encode(np.array([np.inf]))]),
        3211,
        "not a finite number",
    ),
    "a value that is NaN": (
        sampler([ROTATED, encode(np.array([np.nan]))]),
        3211,
        "not a finite number",
    ),
    "a value beyond all numbers": (sampler([ROTATED, [10**400]]), 3211, "do not fit the circuit"),
    "a complex value": (sampler([ROTATED, encode(np.array([1j]))]), 3211, "complex"),
    "values of another shape": (
        sampler([encode(turned()), {"theta": [0.1, 0.2], "phi": [0.1]}]),
        3211,
        "do not fit the circuit",
    ),
    "a value too many": (sampler([BELL, [[0.1, 0.2]]]), 3211, "do not fit the circuit"),
    "no value": (sampler([ROTATED]), 3211, "parameters without a value: theta"),
    "a sweep without an end": (
        sampler([BELL, typed("BindingsArray", {"shape": [10**9, 10**9], "data": {}})]),
        3211,
        "more than 10000000 points",
    ),
    "a sweep of fewer than no points": (
        sampler([BELL, typed("BindingsArray", {"shape": [-2, -3], "data": {}})]),
        3211,
        "do not fit the circuit",
    ),
    "a thousand million executions": (
        sampler([encode(rotated()), np.zeros((10_000, 0)).tolist(), 1_000_000]),
        6000,
        "would take 10000000000 bytes",
    ),
    "0 shots": (sampler([BELL, None, 0]), 6001, "0 shots are too few"),
    "no bits": (sampler([TURNED]), 3211, "has no classical register"),
    "two registers of one name": (
        sampler([renamed(rotated("aaaa", "bbbb"), "bbbb", "aaaa")]),
        3211,
        "cannot be read",
    ),
    "a gate that is defined for other qubits": (
        sampler([encode(misdefined())]),
        3211,
        "defined for another number of qubits",
    ),
    "values in lists without an end": (
        sampler([ROTATED, json.loads(nested(300))]),
        3211,
        "nested more than 64 levels deep",
    ),
    "a pub of nothing": (sampler([]), 3211, "one to 3 parts"),
    "no pub": (sampler(None), 3211, "must be OpenQASM 3 text or a typed QuantumCircuit"),
}
WRONG_ESTIMATES: dict[str, tuple[Any, int, str]] = {
    "a coefficient beyond all numbers": (
        sampler([TURNED, {"X": 10**400}]),
        3211,
        "observables cannot be read",
    ),
    "an infinite coefficient": (
        sampler([TURNED, {"X": 1e308, "Z": [1e308]}]),
        3211,
        "observables cannot be read",
    ),
    "another width": (sampler([TURNED, "XX"]), 3211, "the observables have 2 qubits"),
    "other letters": (sampler([TURNED, "Q"]), 3211, "observables cannot be read"),
    "observables in more dimensions than there are": (
        sampler([TURNED, json.loads(nested(40, '"X"'))]),
        3211,
        "dimensions",
    ),
    "a precision of nothing": (sampler([TURNED, "X", None, 0]), 3211, "must be a number above 0"),
    "a precision beyond all numbers": (
        sampler([TURNED, "X", None, 10**400]),
        3211,
        "must be a number above 0",
    ),
    "a precision too fine": (sampler([TURNED, "X", None, 1e-300]), 6000, "more than 1000000 shots"),
}
UNUSUAL: dict[str, tuple[str, Any]] = {
    "no pubs": ("sampler", sampler()),
    "no qubits": ("sampler", sampler([encode(QuantumCircuit(0, 1)), None, 5])),
    "no points": ("sampler", sampler([ROTATED, encode(np.zeros((3, 0, 1))), 5])),
    "no bits in a register": ("sampler", sampler([encode(rotated("c", size=0)), None, 5])),
    "no observables": ("estimator", sampler([TURNED, []])),
    "a coarse precision": ("estimator", sampler([TURNED, "X", None, 1e300])),
    "values in the other order of bytes": (
        "sampler",
        sampler([ROTATED, npy("{'descr':'>f8','fortran_order':False,'shape':(1,)}", bytes(8))]),
    ),
}


def test_each_wrong_job_is_one_failure_that_says_why(raw: Raw) -> None:
    for program_id, table in (("sampler", WRONG), ("estimator", WRONG_ESTIMATES)):
        for name, (params, code, words) in table.items():
            status, found, said = raw.outcome(params, program_id)
            assert (status, found) == (200, code), (name, said)
            assert words in said, name
            assert len(said) <= 1000, name
            assert "Traceback" not in said, name
    assert raw.still_serves()


def test_what_is_unusual_and_not_wrong_runs(raw: Raw) -> None:
    for name, (program_id, params) in UNUSUAL.items():
        status, code, said = raw.outcome(params, program_id)
        assert (status, code) == (200, None), (name, said)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"program_id": "sampler"',
        b"[" * 100_000,
        b'{"params":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"program_id": "sampler", "backend": "aer_simulator", "params": {"pubs": [NaN]}}',
        b'{"program_id": "sampler", "backend": "aer_simulator", "cost": ' + b"9" * 5000 + b"}",
        b'{"program_id": "sampler", "backend": "aer_simulator", "cost": ' + b"9" * 4000 + b"}",
        b'{"program_id": "sampler", "backend": "\\ud800", "params": {"pubs": []}}',
        b'{"program_id": "sampler", "backend": "aer_simulator", "params": {"pubs": {}}}',
        b"\xff\xfe\x00",
    ],
)
def test_a_body_that_is_no_submission_is_refused(raw: Raw, body: bytes) -> None:
    reply = raw.send("POST", "/jobs", data=body)
    assert reply.status_code == 400
    (error,) = reply.json()["errors"]
    assert (error["code"], bool(error["message"])) == (1208, True)


PATHS = ("/jobs/{}", "/jobs/{}/results", "/jobs/{}/logs", "/jobs/{}/metrics", "/sessions/{}")
FORMS = {"Content-Type": "multipart/form-data; boundary=x"}
TIMES = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday", "9" * 5000)


@pytest.mark.parametrize("examples", [40, pytest.param(4000, marks=pytest.mark.deep)])
@pytest.mark.timeout(600)
def test_odd_requests_are_answered_in_the_words_of_the_api(raw: Raw, examples: int) -> None:
    """Ids, queries, bodies and headers that nobody expects: 4xx with IBM's body, or an answer."""
    odd = st.sampled_from([*ODD_TEXTS, *TIMES, "../..", "%2e%2e", "' OR 1=1", "-1", "1e9"])
    odd |= st.text(max_size=10)
    names = ("limit", "offset", "sort", "tags", "created_after", "created_before", "pending")

    @settings(max_examples=examples, deadline=None)
    @given(
        st.sampled_from([*((verb, path) for path in PATHS for verb in ("GET", "PATCH", "PUT"))])
        | st.sampled_from([("GET", "/jobs"), ("GET", "/workloads"), ("POST", "/sessions")]),
        odd.filter(lambda name: "\ud800" not in name),
        st.dictionaries(st.sampled_from(names), odd.filter(lambda text: "\ud800" not in text)),
        st.binary(max_size=20) | st.sampled_from([b"[" * 5000, b'{"tags": [1]}', b'{"a": 1e999}']),
        st.sampled_from([{}, FORMS, {"Prefer": "wait=0"}, {"Content-Encoding": "gzip"}]),
    )
    def look(
        route: tuple[str, str], name: str, query: Any, body: bytes, headers: dict[str, str]
    ) -> None:
        verb, path = route
        quoted = path.format(name.encode().hex() if not name.isprintable() else name)
        data = None if verb == "GET" else iter([body])
        reply = raw.send(verb, quoted, params=query, data=data, headers=headers)
        assert reply.status_code < 500, (verb, quoted, query, body)
        if reply.status_code >= 400 and "errors" in reply.text:
            (error,) = reply.json()["errors"]
            assert error["message"]

    look()
    assert "Traceback" not in raw.log_file.read_text()


def test_a_time_before_all_times_is_refused(raw: Raw) -> None:
    for moment in TIMES[:2]:
        reply = raw.send("GET", "/jobs", params={"created_after": moment})
        assert reply.status_code == 400, moment
        assert "created_after is not a time" in reply.json()["errors"][0]["message"]


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_what_ends_a_lane_costs_its_job_alone(raw: Raw) -> None:
    """A gigabyte of nothing in a megabyte, and a million pubs that are cancelled."""
    raw.still_serves()
    before = raw.num_processes()
    squeezed = bomb(_header_of_a_gigabyte(), 1024)
    status, code, said = raw.outcome(sampler([ROTATED, typed("ndarray", squeezed)]))
    assert (status, code in OF_JOBS | {faults.JOB_FAILED_TO_RUN}) == (200, True), said
    assert raw.still_serves()
    many = raw.submit(sampler(*["OPENQASM 3.0; bit c;"] * 1_000_000))
    assert many.status_code == 200
    assert raw.send("POST", f"/jobs/{many.json()['id']}/cancel").status_code == 204
    assert raw.end_of(many.json()["id"])["status"] == "Cancelled"
    assert raw.still_serves()
    assert raw.num_processes() <= before


def _header_of_a_gigabyte() -> bytes:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (134217728,), }"
    header += b" " * (128 - 10 - 1 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
