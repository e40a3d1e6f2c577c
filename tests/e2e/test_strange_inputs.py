"""One table of strange inputs, and what becomes of each at every place where it can arrive.

A *file* is given to the command line, a *pub* to the library, a *submission* is sent to the runtime
by another client, and an *answer* is what a service says of a result. Where a place is missing, the
input cannot be made there: no Python object is malformed JSON, and Qiskit builds no circuit with
two registers of one name.
"""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy
from qiskit.circuit import Parameter

from qrsession import Estimator, RuntimeService, Sampler
from qrsession.codec import encode
from qrsession.errors import QrsessionError
from qrsession.protocol.typed import deflate, inflate
from tests.e2e.conftest import Cli
from tests.e2e.liar import ENVIRON, HONEST, JOB_ID, Liar
from tests.e2e.raw import BELL, Raw
from tests.mangling import bomb, npy

pytestmark = pytest.mark.timeout(120)

ON_SIMULATOR = ("--local", "--backend", "aer_simulator")
ROTATION = ("@rotation", "--params")
RUNS = ""
NOT_FINITE = "is infinite, or no number at all"
NO_NAME = "must be a Python identifier and no keyword"


@dataclass(frozen=True)
class File:
    """What the command line is given, and the error's code and words."""

    arguments: tuple[str, ...]
    code: str
    words: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Pub:
    """What the library is given, and the error's code and words."""

    run: Callable[[Any], Any]
    code: str
    words: str


@dataclass(frozen=True)
class Submission:
    """What another client sends, and IBM's code and the words of the failure; `RUNS`: it runs.

    ``params`` in bytes are the body as a whole, which is refused at once.
    """

    params: Any
    code: int | None
    words: str


@dataclass(frozen=True)
class Answer:
    """What a service says a result is, and the words of the error; `RUNS`: the counts are told."""

    said: Any
    words: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Strange:
    """An input, at each place where it can arrive."""

    file: File | None = None
    pub: Pub | None = None
    submission: Submission | None = None
    answer: Answer | None = None


def typed(name: str, value: Any) -> dict[str, Any]:
    return {"__type__": name, "__value__": value}


def job(*pubs: Any) -> dict[str, Any]:
    return {"pubs": list(pubs), "version": 2, "support_qiskit": True}


def result(**fields: Any) -> dict[str, Any]:
    data = typed("DataBin", {"field_names": list(fields), "shape": [], "fields": fields})
    pub = typed("PubResult", {"data": data, "metadata": {}})
    return typed("PrimitiveResult", {"pub_results": [pub], "metadata": {}})


def bits(array: Any, num_bits: int = 1) -> dict[str, Any]:
    return typed("BitArray", {"array": array, "num_bits": num_bits})


def samples(*rows: int) -> dict[str, Any]:
    encoded: dict[str, Any] = encode(np.array(rows, dtype=np.uint8).reshape(len(rows), 1))
    return encoded


def turned(*names: str) -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    for name in names or ("theta",):
        circuit.ry(Parameter(name), 0)
    circuit.measure(0, 0)
    return circuit


def measured(*names: str) -> QuantumCircuit:
    registers = [ClassicalRegister(1, name) for name in names]
    circuit = QuantumCircuit(QuantumRegister(1, "q"), *registers)
    for register in registers:
        circuit.measure(0, register[0])
    return circuit


def dumped(circuit: QuantumCircuit) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=13)
    return buffer.getvalue()


def with_one_name_twice() -> bytes:
    """Change a name in the bytes of a circuit, past the checks of Qiskit."""
    return dumped(measured("aaaa", "bbbb")).replace(b"bbbb", b"aaaa")


def npz(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("theta.npy", data)
    return buffer.getvalue()


def npy_bytes(header: str, data: bytes = b"") -> bytes:
    return inflate(npy(header, data)["__value__"])


FLOATS = "{'descr':'<f8','fortran_order':False,'shape':%s}"
PICKLES = "{'descr':'|O','fortran_order':False,'shape':(1,)}"
NEWER = b"QISKIT\x63" + bytes(99)
CUT_OFF = encode(turned())["__value__"][:-7]

STRANGE: dict[str, Strange] = {
    "malformed JSON": Strange(
        File((*ROTATION, "v.json"), "invalid_value", "no JSON", {"v.json": b'{"theta": [0.1'}),
        submission=Submission(b'{"program_id": "sampler"', 1208, "JSON"),
        answer=Answer(b'{"__type__": "PrimitiveResult"', "JSON"),
    ),
    "data that is cut off": Strange(
        File(("c.qpy",), "invalid_circuit", "cannot be read", {"c.qpy": dumped(turned())[:-7]}),
        submission=Submission(
            job([typed("QuantumCircuit", CUT_OFF), [0.1]]), 3211, "Compressed data is"
        ),
        answer=Answer(result(c=bits(typed("ndarray", samples(0, 1)["__value__"][:-7]))), "data"),
    ),
    "a decompression bomb": Strange(
        File(
            (*ROTATION, "v.npz"),
            "invalid_value",
            "v.npz",
            {"v.npz": npz(npy_bytes(FLOATS % "(4,)") + bytes(2**24))},
        ),
        submission=Submission(
            job([typed("QuantumCircuit", bomb(b"QISKIT\x0d", 300))]),
            3211,
            "Compressed data holds more than",
        ),
        answer=Answer(result(c=bits(typed("ndarray", bomb(b"\x93NUMPY\x01\x00", 16)))), "array"),
    ),
    "an array of pickles": Strange(
        File(
            (*ROTATION, "v.npz"),
            "invalid_value",
            "v.npz",
            {"v.npz": npz(npy_bytes(PICKLES, b"cos\nsystem\n."))},
        ),
        Pub(
            lambda mode: Sampler(mode=mode).run([(turned(), np.array([{}], dtype=object))]),
            "invalid_type",
            "",
        ),
        Submission(job([encode(turned()), npy(PICKLES, b"cos\n")]), 3211, "'|O' are not taken"),
        Answer(result(c=bits(npy(PICKLES, b"cos\n"))), "'|O' are not taken"),
    ),
    "QPY of a newer version": Strange(
        File(("c.qpy",), "invalid_circuit", "version 99", {"c.qpy": NEWER}),
        submission=Submission(
            job([typed("QuantumCircuit", deflate(NEWER))]), 3211, "QPY data is of version 99"
        ),
    ),
    "a value that is NaN": Strange(
        File(
            (*ROTATION, "v.json"),
            "invalid_value",
            "theta is nan",
            {"v.json": b'{"theta": [0.1, NaN]}'},
        ),
        Pub(
            lambda mode: Sampler(mode=mode).run([(turned(), [np.nan])]), "invalid_value", NOT_FINITE
        ),
        Submission(
            job([encode(turned()), encode(np.array([np.nan]))]), 3211, "not a finite number"
        ),
    ),
    "values of another shape": Strange(
        File((*ROTATION, "v.json"), "invalid_value", "v.json", {"v.json": b'{"theta": [[1], 2]}'}),
        Pub(
            lambda mode: Sampler(mode=mode).run([(turned("a", "b"), [0.1, 0.2, 0.3])]),
            "invalid_circuit",
            "inconsistent with last dimension",
        ),
        Submission(
            job([encode(turned("a", "b")), [0.1, 0.2, 0.3]]), 3211, "do not fit the circuit"
        ),
        Answer(result(c=bits(samples(0, 1), 20)), "the shape that its width asks for"),
    ),
    "a parameter without a value": Strange(
        File(("@rotation",), "invalid_circuit", "have no values: theta"),
        Pub(
            lambda mode: Sampler(mode=mode).run([turned()]),
            "invalid_circuit",
            "does not match the number of parameters",
        ),
        Submission(job([encode(turned())]), 3211, "parameters without a value: theta"),
    ),
    "two registers of one name": Strange(
        File(("c.qpy",), "invalid_circuit", "c.qpy", {"c.qpy": with_one_name_twice()}),
        submission=Submission(
            job([typed("QuantumCircuit", deflate(with_one_name_twice()))]), 3211, "cannot be read"
        ),
    ),
    "a register whose name is no identifier": Strange(
        File(("c.qpy",), "invalid_circuit", NO_NAME, {"c.qpy": dumped(measured("a b"))}),
        Pub(lambda mode: Sampler(mode=mode).run([measured("a b")]), "invalid_circuit", NO_NAME),
        Submission(job([encode(measured("a b")), None, 5]), None, RUNS),
        Answer(result(**{"a b": bits(samples(0, 1, 1))}), RUNS, {"1": 2, "0": 1}),
    ),
    "0 qubits": Strange(
        File(
            ("c.qasm",),
            "invalid_circuit",
            "measures nothing",
            {"c.qasm": b"OPENQASM 3.0;\nbit[1] c;\n"},
        ),
        Pub(
            lambda mode: Sampler(mode=mode).run([QuantumCircuit()]),
            "invalid_circuit",
            "measures nothing",
        ),
        Submission(job([encode(QuantumCircuit(0, 1)), None, 5]), None, RUNS),
        Answer(
            result(c=bits(npy("{'descr':'|u1','fortran_order':False,'shape':(3,0)}"), 0)),
            RUNS,
            {"": 3},
        ),
    ),
    "0 shots": Strange(
        File(("@bell", "--shots", "0"), "invalid_value", "shots is 0"),
        Pub(lambda mode: Sampler(mode=mode).run([(turned(), [1])], shots=0), "invalid_value", "1"),
        Submission(job([BELL, None, 0]), 6001, "0 shots are too few"),
        Answer(
            result(c=bits(npy("{'descr':'|u1','fortran_order':False,'shape':(0,1)}"))), RUNS, {}
        ),
    ),
    "a precision of 0": Strange(
        File(
            ("@rotation", "--primitive", "estimator", "-O", "Z", "--precision", "0"),
            "invalid_value",
            "precision is 0",
        ),
        Pub(
            lambda mode: Estimator(mode=mode).run([(turned(), "Z", [1])], precision=0),
            "invalid_value",
            "above 0",
        ),
    ),
}


def at(place: str) -> pytest.MarkDecorator:
    names = [name for name, strange in STRANGE.items() if getattr(strange, place) is not None]
    return pytest.mark.parametrize("name", names)


@at("file")
def test_a_strange_file_is_refused_by_the_command(cli: Cli, name: str) -> None:
    file = STRANGE[name].file
    assert file is not None
    for path, data in file.files.items():
        cli.folder.joinpath(path).write_bytes(data)
    error = cli.error(2, "run", *file.arguments, *ON_SIMULATOR)
    assert error["code"] == file.code, error
    assert file.words in error["message"]
    assert len(error["message"]) < 500


@at("pub")
def test_a_strange_pub_is_refused_before_it_is_sent(
    service: RuntimeService, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pub = STRANGE[name].pub
    assert pub is not None
    backend = service.backend("aer_simulator")

    def create_job(*_arguments: object) -> None:
        raise AssertionError("a job was sent")

    monkeypatch.setattr(service.client, "create_job", create_job)
    with pytest.raises(QrsessionError) as caught:
        pub.run(backend)
    assert (caught.value.code, caught.value.exit_code) == (pub.code, 2)
    assert pub.words in caught.value.message
    assert caught.value.advice


@at("submission")
def test_a_strange_submission_is_one_failure_and_the_runtime_serves_on(
    shared_home: Path, name: str
) -> None:
    submission = STRANGE[name].submission
    assert submission is not None
    raw = Raw(shared_home)
    if isinstance(submission.params, bytes):
        reply = raw.send("POST", "/jobs", data=submission.params)
        assert reply.status_code == 400
        (error,) = reply.json()["errors"]
        code, said = error["code"], error["message"]
    else:
        _, code, said = raw.outcome(submission.params)
    assert (code, submission.words in said) == (submission.code, True), said
    assert len(said) <= 1000
    assert raw.still_serves()


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    server = Liar()
    yield server
    server.stop()


@at("answer")
def test_a_strange_answer_is_told_and_never_believed(
    own_cli: Cli, liar: Liar, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By the command and by the library."""
    answer = STRANGE[name].answer
    assert answer is not None
    liar.answers = {**HONEST, f"GET /jobs/{JOB_ID}/results": answer.said}
    environ = {**ENVIRON, "QISKIT_IBM_URL": liar.url}
    cli = Cli(own_cli.folder, environ)
    if answer.words == RUNS:
        (pub,) = cli.data("result", JOB_ID)["pubs"]
        assert pub["counts"] == answer.counts
        return
    error = cli.error(10, "result", JOB_ID)
    assert error["code"] == "wire_format"
    assert answer.words in error["message"]
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(QrsessionError) as caught:
        RuntimeService().job(JOB_ID).result()
    assert caught.value.code == "wire_format"
