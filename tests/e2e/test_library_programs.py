"""What programs of others ask of the library, as they were written for IBM's client."""

import copy
import logging
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from qiskit import QuantumCircuit

from qrsession import (
    Account,
    Estimator,
    EstimatorV2,
    RuntimeService,
    Sampler,
    SamplerV2,
    Session,
)
from qrsession.errors import BackendNotFoundError, InvalidTypeError, JobNotFoundError, NotFoundError

pytestmark = pytest.mark.timeout(120)

TWIN = "ibmq_manila"
LONG = datetime(2020, 1, 1)  # noqa: DTZ001 - programs give times without a zone


@pytest.fixture(scope="module")
def service(runtime_home: Path) -> Iterator[RuntimeService]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QRSESSION_HOME", str(runtime_home))
        yield RuntimeService("local")


@pytest.fixture(scope="module")
def session(service: RuntimeService) -> Iterator[Session]:
    # Not as a block: that would be around each test.
    opened = Session(service=service, backend="aer_simulator")
    yield opened
    opened.close()


def one() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    return circuit


# The service.


def test_the_least_busy_is_a_backend_with_its_target(service: RuntimeService) -> None:
    backend = service.least_busy(operational=True, simulator=False, min_num_qubits=7)
    assert backend.num_qubits >= 7
    assert not backend.is_simulator
    assert backend.target.num_qubits == backend.num_qubits
    assert service.least_busy().is_simulator
    with pytest.raises(BackendNotFoundError, match="100000 qubits"):
        service.least_busy(100_000)


def test_backends_are_listed_as_wanted(service: RuntimeService) -> None:
    wide = service.backends(min_num_qubits=100, simulator=False, operational=True)
    assert wide
    assert all((found.num_qubits or 0) >= 100 and not found.is_simulator for found in wide)
    assert service.backends(simulator=True, operational=False) == ()
    assert [found.name for found in service.backends("aer_simulator")] == ["aer_simulator"]
    with pytest.raises(InvalidTypeError, match=r"service\.backend\('aer_simulator'\)"):
        Sampler(mode=service.backends("aer_simulator")[0])  # type: ignore[arg-type]


def test_jobs_are_listed_as_wanted(service: RuntimeService, session: Session) -> None:
    sampler = Sampler(mode=session, options={"environment": {"job_tags": ["listed"]}})
    made = [sampler.run([one()], shots=shots) for shots in (1, 2, 3)]
    for job in made:
        job.wait_for_final_state()
    ids = [job.job_id() for job in reversed(made)]

    def found(limit: int | None = 20, skip: int = 0, **wanted: object) -> list[str]:
        jobs = service.jobs(limit, skip, **{"job_tags": ["listed"], **wanted})  # type: ignore[arg-type]
        return [job.job_id() for job in jobs]

    assert found() == found(None) == ids
    assert found(2) == ids[:2]
    assert found(1, 1) == [ids[1]]
    assert found(descending=False) == ids[::-1]
    assert found(backend_name="aer_simulator", program_id="sampler", pending=False) == ids
    assert found(created_after=LONG, session_id=session.session_id) == ids
    for none in (
        {"pending": True},
        {"program_id": "estimator"},
        {"backend_name": TWIN},
        {"created_before": LONG},
        {"created_after": datetime.now(UTC) + timedelta(days=1)},
    ):
        assert found(**none) == []
    assert service.jobs(job_tags=["listed"])[0].result()[0].data.meas.num_shots == 3


def test_a_job_is_deleted(service: RuntimeService, session: Session) -> None:
    job = Sampler(mode=session).run([one()], shots=1)
    job.wait_for_final_state()
    service.delete_job(job.job_id())
    with pytest.raises(JobNotFoundError):
        service.job(job.job_id())


def test_a_backend_tells_its_status(service: RuntimeService) -> None:
    backend = service.backend("aer_simulator")
    status = backend.status()
    assert (status.operational, status.status_msg) == (True, "active")
    assert status.pending_jobs >= 0
    with pytest.raises(NotImplementedError, match="time step"):
        _ = backend.dtm
    with pytest.raises(NotFoundError, match="no service"):
        type(backend)(backend.configuration).status()


# Copies.


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])  # noqa: S301 - our own
def test_copies_are_of_the_same_thing(
    session: Session, copied: object, runtime_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a primitive's copy has options of its own."""
    # Where files live is looked up anew by what is unpickled.
    monkeypatch.setenv("QRSESSION_HOME", str(runtime_home))
    assert callable(copied)
    assert copied(session).session_id == session.session_id
    sampler = Sampler(mode=session, options={"default_shots": 7})
    twice = copied(sampler)
    twice.options.default_shots = 8
    assert sampler.options.default_shots == 7
    job = twice.run([one()])
    assert job.session_id == session.session_id
    assert copied(job).result()[0].data.meas.num_shots == 8
    alone = copied(Estimator(mode=session.device()))
    assert (alone.backend().name, alone.backend().num_qubits) == ("aer_simulator", 1000)
    backend = session.device()
    assert copied(backend).target.operation_names == backend.target.operation_names


def test_no_key_is_pickled(fresh_home: Path) -> None:
    named = pickle.dumps(RuntimeService("local"))
    assert pickle.loads(named).account.is_local  # noqa: S301 - our own
    service = RuntimeService(Account("mine", "a-very-secret-key"))
    with pytest.raises(InvalidTypeError, match="its key would be"):
        pickle.dumps(service)
    assert copy.deepcopy(service) is service
    assert not fresh_home.exists()


# Jobs and sessions.


def test_a_backend_inside_of_a_session_is_warned_of(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "qrsession"):
        Sampler(mode=session.device())
        assert caplog.messages == []
        with Session(service=session.service, backend="aer_simulator") as inner:
            assert Sampler().session is inner
            assert caplog.messages == []
            for _ in range(2):
                assert Sampler(mode=session.device()).session is None
    (warning,) = caplog.messages
    assert inner.session_id in warning


def test_older_names_are_the_same_classes() -> None:
    assert (SamplerV2, EstimatorV2) == (Sampler, Estimator)


def test_a_delay_in_seconds_keeps_its_length(service: RuntimeService) -> None:
    """Of 30 times T1: nothing is left of the excitation, however the circuit comes here."""
    backend = service.backend(TWIN)
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.delay(5000, 0, unit="us")
    circuit.measure_all()
    jobs = [
        Sampler(mode=backend, options=options).run([circuit], shots=200)
        for options in ({}, {"optimization_level": 0})
    ]
    for job in jobs:
        counts = job.result()[0].data.meas.get_counts()
        # Readout errs a few times in a hundred.
        assert counts["0"] > 150
