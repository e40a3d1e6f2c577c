"""Our backend, where Qiskit's own code takes any: the transpiler, ``run``, and its primitives.

What comes back is compared with what AerSimulator returns.
"""

from typing import Any

import numpy as np
import pytest
from qiskit import (
    ClassicalRegister,
    QuantumCircuit,
    QuantumRegister,
    generate_preset_pass_manager,
    transpile,
)
from qiskit.circuit import Clbit, Parameter
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers import JobStatus, JobV1
from qiskit.qasm3 import loads
from qiskit.result import Result
from qiskit_aer import AerSimulator

from qrsession import RuntimeService, Session
from qrsession.backend import Backend
from qrsession.errors import (
    CircuitError,
    InvalidTypeError,
    InvalidValueError,
    JobCancelledError,
    SessionClosedError,
    UsageError,
    WaitTimeoutError,
)
from tests.e2e.programs import SLOW
from tests.ecosystem.molecules import GROUND_ENERGY, HYDROGEN, ansatz, ground_angle, largest_error


def registers() -> QuantumCircuit:
    """Return a circuit of two registers and a bit of none, whose outcome is certain."""
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"),
        ClassicalRegister(2, "a"),
        ClassicalRegister(9, "b"),
        [Clbit()],
        name="registers",
        metadata={"kept": object()},
    )
    circuit.x([0, 2])
    circuit.measure([0, 1, 2, 0], [0, 1, 9, 11])
    return circuit


def flipped() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="flipped")
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def dynamic() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="dynamic")
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def said(result: Result) -> list[Any]:
    """Return what a result says of each experiment that does not depend on who ran it."""
    found = result.to_dict()["results"]
    return [
        {key: one[key] for key in ("shots", "success", "status", "meas_level", "data", "header")}
        for one in found
    ]


@pytest.mark.parametrize("memory", [False, True])
def test_a_result_is_that_of_aer(backend: Backend, memory: bool) -> None:
    circuits = [registers(), flipped(), dynamic()]
    ours = backend.run(circuits, shots=7, memory=memory)
    theirs = AerSimulator().run(circuits, shots=7, memory=memory).result()
    result = ours.result()
    assert said(result) == said(theirs)
    assert result.get_counts() == theirs.get_counts()
    assert (result.success, result.status) == (theirs.success, theirs.status)
    assert (result.backend_name, result.job_id) == ("aer_simulator", ours.job_id())
    assert Result.from_dict(result.to_dict()).to_dict() == result.to_dict()
    if memory:
        assert [result.get_memory(i) for i in range(3)] == [theirs.get_memory(i) for i in range(3)]


def test_a_job_is_one_of_qiskits(session: Session, backend: Backend) -> None:
    """It runs in the session that it is given, with Aer's number of shots unless told."""
    job = backend.run(flipped(), session=session)
    assert isinstance(job, JobV1)
    changes: list[JobStatus] = []
    job.wait_for_final_state(timeout=60, callback=lambda _id, status, _job: changes.append(status))
    assert job.status() is JobStatus.DONE
    assert changes[-1:] in ([], [JobStatus.DONE])
    assert (job.done(), job.cancelled(), job.in_final_state()) == (True, False, True)
    assert job.backend() is backend
    assert job.result() is job.result()
    assert sum(job.result().get_counts().values()) == 1024
    assert job.runtime_job.session_id == session.session_id
    known = session.service.jobs(session_id=session.session_id)
    assert job.job_id() in {found.job_id() for found in known}
    assert repr(job) == f"<CircuitJob('{job.job_id()}', 'aer_simulator')>"
    with pytest.raises(UsageError, match="was submitted"):
        job.submit()


def test_a_job_is_cancelled(session: Session, backend: Backend) -> None:
    job = backend.run(loads(SLOW), shots=1_000_000, session=session)
    with pytest.raises(WaitTimeoutError):
        job.result(timeout=0.1)
    job.cancel()
    job.wait_for_final_state(timeout=60)
    assert job.status() is JobStatus.CANCELLED
    with pytest.raises(JobCancelledError):
        job.result()


def test_options_hold_for_all_runs_to_come(service: RuntimeService) -> None:
    backend = service.backend("aer_simulator")
    backend.set_options(shots=np.int64(50), seed_simulator=4)
    fair = QuantumCircuit(1, 1)
    fair.h(0)
    fair.measure(0, 0)
    first, again, other = (
        backend.run(fair, **more).result().get_counts()
        for more in ({}, {}, {"shots": 60, "sampler_options": {"environment": {"job_tags": ["t"]}}})
    )
    assert first == again
    assert (sum(first.values()), sum(other.values())) == (50, 60)


WRONG: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (flipped(), {"shots": 0}, InvalidValueError, "at least 1"),
    (flipped(), {"shots": 2.5}, InvalidTypeError, "whole number"),
    (flipped(), {"shots": True}, InvalidTypeError, "whole number"),
    (flipped(), {"seed_simulator": -1}, InvalidValueError, "at least 0"),
    (flipped(), {"memory": 1}, InvalidTypeError, "True or False"),
    (flipped(), {"meas_level": 1}, InvalidValueError, "must be 2"),
    (flipped(), {"session": "s"}, InvalidTypeError, "Session or a Batch, not str"),
    (flipped(), {"sampler_options": 3}, InvalidTypeError, "a dict, not int"),
    (flipped(), {"sampler_options": {"shot": 3}}, InvalidValueError, "no option"),
    (flipped(), {"noise_model": None}, InvalidTypeError, "'noise_model'; it has shots, memory"),
    ("bell", {}, InvalidTypeError, "not str"),
    (3, {}, InvalidTypeError, "not int"),
    ([flipped(), 3], {}, InvalidTypeError, "not int"),
    ([], {}, InvalidValueError, "no pub"),
    (QuantumCircuit(1), {}, CircuitError, "measures nothing"),
    (ansatz().measure_all(inplace=False), {}, CircuitError, "number of parameters"),
]


@pytest.mark.parametrize(("run_input", "options", "kind", "words"), WRONG)
def test_what_cannot_run_is_refused_before_it_is_sent(
    backend: Backend, run_input: Any, options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        backend.run(run_input, **options)


def test_a_session_must_be_open_and_of_the_backend(
    service: RuntimeService, backend: Backend, session: Session
) -> None:
    other = service.backend("ibmq_qasm_simulator")
    with pytest.raises(InvalidValueError, match="The session is on aer_simulator"):
        other.run(flipped(), session=session)
    with Session(service=service, backend=backend) as closed:
        pass
    with pytest.raises(SessionClosedError):
        backend.run(flipped(), session=closed)


@pytest.fixture(scope="module")
def backends(service: RuntimeService, backend: Backend) -> dict[str, Backend]:
    """Return backends by name, whose targets are built once."""
    return {one.name: one for one in (backend, service.backend("ibm_fez"))}


@pytest.mark.parametrize("name", ["aer_simulator", "ibm_fez"])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_the_transpiler_takes_a_backend(
    backends: dict[str, Backend], name: str, level: int
) -> None:
    """By both ways; what comes out is what the backend runs."""
    backend = backends[name]
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, [1, 2])
    circuit.rz(Parameter("phi"), 2)
    circuit.measure_all()
    by_manager = generate_preset_pass_manager(level, backend=backend, seed_transpiler=1).run(
        circuit
    )
    by_function = transpile(circuit, backend=backend, optimization_level=level, seed_transpiler=1)
    for fitted in (by_manager, by_function):
        assert not backend.instruction_set.check(fitted, "it")
        assert fitted.num_parameters == 1
    assert by_manager == by_function


def test_qiskits_sampler_for_backends(backend: Backend, session: Session) -> None:
    """A sweep of certain outcomes, several registers, and a seed."""
    angle = Parameter("angle")
    circuit = registers()
    circuit.metadata = {"kept": 1}
    swept = QuantumCircuit(1)
    swept.rx(angle, 0)
    swept.measure_all()
    sampler = BackendSamplerV2(
        backend=backend, options={"seed_simulator": 3, "run_options": {"session": session}}
    )
    certain, points = sampler.run(
        [(circuit,), (swept, [[0.0], [np.pi], [np.pi / 2]], 200)], shots=20
    ).result()
    assert certain.data.a.get_counts() == {"01": 20}
    assert certain.data.b.get_counts() == {"010000000": 20}
    assert certain.metadata["circuit_metadata"] == {"kept": 1}
    assert points.data.meas.shape == (3,)
    assert points.data.meas.get_counts(0) == {"0": 200}
    assert points.data.meas.get_counts(1) == {"1": 200}
    again = sampler.run([(swept, [[0.0], [np.pi], [np.pi / 2]], 200)]).result()[0]
    assert (again.data.meas.array == points.data.meas.array).all()


def test_qiskits_estimator_for_backends(backend: Backend) -> None:
    estimator = BackendEstimatorV2(backend=backend, options={"seed_simulator": 3})
    (pub,) = estimator.run(
        [(ansatz(), HYDROGEN, [[0.0], [ground_angle()]])], precision=0.02
    ).result()
    assert pub.data.evs.shape == (2,)
    assert abs(pub.data.evs[1] - GROUND_ENERGY) < 5 * largest_error(0.02)
