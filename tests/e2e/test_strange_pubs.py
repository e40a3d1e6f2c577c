"""What cannot run is refused before anything is sent, from the shell and from Python alike."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy
from qiskit.circuit import Parameter

from qrsession import Estimator, RuntimeService, Sampler
from qrsession.errors import QrsessionError, WireFormatError
from tests.e2e.conftest import Cli
from tests.e2e.raw import Raw

pytestmark = pytest.mark.timeout(120)

ON_SIMULATOR = ("--local", "--backend", "aer_simulator", "--shots", "20")
RESERVED = "this one is Qiskit's own"
NO_NAME = "must be a Python identifier and no keyword"
# The register, and what is said of it; nothing where it is a name like any other.
NAMES = {
    "class": NO_NAME,
    "a b": NO_NAME,
    "": NO_NAME,
    "1a": NO_NAME,
    **dict.fromkeys(("keys", "items", "values", "shape", "size", "ndim", "self"), RESERVED),
    **dict.fromkeys(("é", "evs", "stds", "counts"), ""),
}


def measured(name: str) -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(1, name))
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def turned(*, is_measured: bool = True) -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.ry(Parameter("theta"), 0)
    if is_measured:
        circuit.measure(0, 0)
    return circuit


def dumped(circuit: QuantumCircuit) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=13)
    return buffer.getvalue()


PUBS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "a sweep with an infinite value": (
        lambda mode: Sampler(mode=mode).run([(turned(), [[0.1], [np.inf]])]),
        "invalid_value",
        "A value of theta is infinite, or no number at all",
    ),
    "an estimate at NaN": (
        lambda mode: Estimator(mode=mode).run([(turned(is_measured=False), "Z", [np.nan])]),
        "invalid_value",
        "A value of theta is infinite, or no number at all",
    ),
    "a complex value": (
        lambda mode: Sampler(mode=mode).run([(turned(), [1j])]),
        "invalid_type",
        "complex",
    ),
    "0 shots of a pub": (
        lambda mode: Sampler(mode=mode).run([(measured("c"), None, 0)]),
        "invalid_circuit",
        "shots must be positive",
    ),
    "a register of no bits": (
        lambda mode: Sampler(mode=mode).run([QuantumCircuit(1, 0)]),
        "invalid_circuit",
        "measures nothing",
    ),
    "an infinite coefficient": (
        lambda mode: Estimator(mode=mode).run([(turned(), {"Z": np.inf}, [1])]),
        "invalid_value",
        "infinite",
    ),
}


@pytest.fixture
def no_job(service: RuntimeService, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a backend, where sending a job is a failure of the test."""
    backend = service.backend("aer_simulator")

    def create_job(*_arguments: object) -> None:
        raise AssertionError("a job was sent")

    monkeypatch.setattr(service.client, "create_job", create_job)
    return backend


@pytest.mark.parametrize("name", PUBS)
def test_a_strange_pub_is_refused_before_it_is_sent(no_job: Any, name: str) -> None:
    run, code, words = PUBS[name]
    with pytest.raises(QrsessionError) as caught:
        run(no_job)
    assert (caught.value.code, caught.value.exit_code) == (code, 2)
    assert words in caught.value.message
    assert caught.value.advice


@pytest.mark.parametrize("name", [name for name, words in NAMES.items() if words])
def test_a_name_that_no_result_can_have_is_refused_before_it_is_sent(
    no_job: Any, name: str
) -> None:
    with pytest.raises(QrsessionError, match=re.escape(NAMES[name])) as caught:
        Sampler(mode=no_job).run([measured(name)])
    assert (caught.value.code, caught.value.advice) == ("invalid_circuit", "Rename the register.")


def test_names_of_registers_from_the_shell(cli: Cli) -> None:
    """As QPY by Qiskit, as OpenQASM 3 by its words; what can be a name runs and is counted."""
    for name in ("keys", "evs"):
        words = NAMES[name]
        file = cli.folder / "named.qpy"
        file.write_bytes(dumped(measured(name)))
        if words:
            error = cli.error(2, "run", "named.qpy", *ON_SIMULATOR)
            assert error["code"] == "invalid_circuit"
            assert words in error["message"]
            continue
        (pub,) = cli.data("run", "named.qpy", *ON_SIMULATOR)["pubs"]
        assert pub["registers"] == {name: {"1": 20}}
    program = "OPENQASM 3.0;\nqubit q;\nbit[1] keys;\nkeys[0] = measure q;\n"
    (cli.folder / "text.qasm").write_text(program)
    error = cli.error(2, "run", "text.qasm", *ON_SIMULATOR, "--no-transpile")
    assert RESERVED in error["message"]


def test_what_another_client_measured_under_such_names_is_told(
    cli: Cli, shared_home: Path, service: RuntimeService
) -> None:
    """The runtime runs it, the text is told; Qiskit's own result cannot hold some of the names."""
    from qrsession.codec import encode  # noqa: PLC0415 - for this test alone

    raw = Raw(shared_home)
    for name in ("a b", "", "keys", "shape", "self", "é", "evs"):
        words = NAMES[name]
        params = {"pubs": [[encode(measured(name)), None, 20]], "support_qiskit": True}
        job_id = raw.submit(params).json()["id"]
        assert raw.end_of(job_id)["status"] == "Completed", name
        job = service.job(job_id)
        if words == RESERVED:
            with pytest.raises(WireFormatError, match="cannot be a DataBin") as caught:
                job.result()
            assert "qrsession result" in caught.value.advice
        else:
            assert job.result()[0].data[name].get_counts() == {"1": 20}
        if name == "keys":
            (pub,) = cli.data("result", job_id, "--local")["pubs"]
            assert pub == {"shots": 20, "counts": {"1": 20}, "registers": {name: {"1": 20}}}


def test_a_result_that_is_no_json_is_an_error_of_ours(
    service: RuntimeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Sampler(mode=service.backend("aer_simulator")).run([measured("c")], shots=5)
    job.wait_for_final_state()
    for text in ("", "{", "[" * 100_000, json.dumps({"__type__": "PrimitiveResult"})):
        monkeypatch.setattr(type(job), "result_text", lambda _job, text=text: text)
        with pytest.raises(WireFormatError):
            job.result()
