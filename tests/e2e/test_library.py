"""The library against the real local runtime, as a program uses it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import PrimitiveResult
from qiskit.quantum_info import SparsePauliOp

from qrsession import Batch, Estimator, Options, RuntimeService, Sampler, Session
from qrsession.codec import circuits_to_qpy, decode
from qrsession.errors import (
    BackendNotFoundError,
    JobCancelledError,
    JobFailedError,
    NoAccountError,
    NotFinishedError,
    SessionClosedError,
    SessionNotFoundError,
    WaitTimeoutError,
)
from qrsession.protocol import routes
from tests.client.conftest import Server
from tests.e2e.conftest import Cli
from tests.e2e.programs import CRN, SLOW, default_account, wait_for, write
from tests.sample_circuits import bell

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def service(shared_home: Path) -> RuntimeService:
    assert shared_home.is_dir()
    return RuntimeService("local")


@pytest.fixture
def session(service: RuntimeService) -> Iterator[Session]:
    with Session(service=service, backend="aer_simulator") as opened:
        yield opened


def sent_circuits(service: RuntimeService, job_id: str) -> list[QuantumCircuit]:
    """Return the circuits of a job as the service got them."""
    document = service.client._call(
        routes.GET_JOB, {"job_id": job_id}, query={"exclude_params": "false"}
    ).json()
    return [decode(pub[0]) for pub in document["params"]["pubs"]]


# What a session refuses without asking anyone.


@pytest.fixture
def watched_server() -> Iterator[Server]:
    """Return a server that is the user's default account, and notes every request."""
    server = Server()
    file = Path.home() / ".qiskit" / "qiskit-ibm.json"
    file.parent.mkdir()
    file.touch(mode=0o600)
    account = {"channel": "ibm_quantum_platform", "url": server.url, "token": "k", "instance": CRN}
    file.write_text(json.dumps({"default-ibm-quantum-platform": account}))
    yield server
    server.stop()


WRONG_TIMES: list[tuple[Any, type[Exception], str]] = [
    (299, ValueError, "at least 300 s"),
    ("299", ValueError, "at least 300 s"),
    (0, ValueError, "at least 300 s"),
    (-3600, ValueError, "at least 300 s"),
    (10**30, ValueError, "at most"),
    ("5 bananas", ValueError, "2h 30m 40s"),
    ("-1h", ValueError, "2h 30m 40s"),
    ("", ValueError, "2h 30m 40s"),
    ("1h 1h", ValueError, "2h 30m 40s"),
    ("9" * 5000, ValueError, "2h 30m 40s"),
    (1.5, TypeError, "2h 30m 40s"),
    (True, TypeError, "2h 30m 40s"),
    ([300], TypeError, "2h 30m 40s"),
]


@pytest.mark.parametrize(("max_time", "kind", "words"), WRONG_TIMES)
def test_a_wrong_maximum_time_is_refused_without_a_request(
    watched_server: Server, fresh_home: Path, max_time: Any, kind: type[Exception], words: str
) -> None:
    """It is a `ValueError`, of a wrong type a `TypeError` too, with the range or the form."""
    with pytest.raises(kind, match=words) as caught:
        Session(backend="ibm_any", max_time=max_time)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 300
    with pytest.raises(kind, match=words):
        Batch(service=RuntimeService("local"), backend="aer_simulator", max_time=max_time)
    assert watched_server.requests == []
    assert not fresh_home.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"backend": 3}, "not int"),
        ({"backend": b"ibm_any"}, "not bytes"),
        ({"backend": ["ibm_any"]}, "not list"),
        ({"service": "local", "backend": "ibm_any"}, 'Session\\(backend="..."\\)'),
        ({"service": 3, "backend": "ibm_any"}, "not int"),
        ({"service": object(), "backend": "ibm_any"}, "not object"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused_without_a_request(
    watched_server: Server, fresh_home: Path, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(TypeError, match=words) as caught:
        Session(**arguments)
    assert isinstance(caught.value, ValueError)
    assert watched_server.requests == []
    assert not fresh_home.exists()


@pytest.mark.parametrize("backend", ["", "  "])
def test_an_empty_backend_is_refused_without_a_request(
    watched_server: Server, backend: str
) -> None:
    with pytest.raises(ValueError, match="empty"):
        Session(backend=backend)
    assert watched_server.requests == []


def test_what_the_service_allows_is_checked_before_the_session(service: RuntimeService) -> None:
    """The plan's maximum comes from documents that are cached, and is in the message."""
    with pytest.raises(ValueError, match=r"300 s to 28800 s \(8h\)"):
        Session(service=service, backend="aer_simulator", max_time="100000h")
    with pytest.raises(ValueError, match=r"it has .*aer_simulator, .* and [0-9]+ more") as caught:
        Session(service=service, backend="ibm_nowhere")
    assert isinstance(caught.value, BackendNotFoundError)


def test_without_an_account_ci_gets_no_simulator(
    fresh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing secret must not turn into a green run; asked for, the runtime is used."""
    monkeypatch.setenv("CI", "1")
    with pytest.raises(NoAccountError, match="QRSESSION_ACCOUNT=local"):
        Session(backend="aer_simulator")
    assert not fresh_home.exists()
    monkeypatch.setenv("QRSESSION_ACCOUNT", "local")
    with Session(backend="aer_simulator") as session:
        assert session.backend() == "aer_simulator"


def test_an_unknown_backend_is_told_which_has_nearly_its_name(service: RuntimeService) -> None:
    with pytest.raises(ValueError, match="it has ibm_fez, "):
        Session(service=service, backend="ibm_fz")


def test_with_a_real_account_an_unknown_backend_says_how_to_run_locally(
    fresh_home: Path, tmp_path: Path
) -> None:
    """The default account is used, and its backends are named."""
    with default_account(tmp_path) as server:
        with pytest.raises(ValueError, match="has no backend 'ibm_nowhere'") as caught:
            Session(backend="ibm_nowhere")
        assert 'Session(service=RuntimeService("local"), backend="aer_simulator")' in str(
            caught.value
        )
        assert "--local" in str(caught.value)
        with Session(backend="ibmq_qasm_simulator") as session:
            assert session.service.account.url == server.url
            counts = Sampler(mode=session).run([bell()], shots=9).result()[0].data.meas
            assert counts.num_shots == 9
    # Nobody needed the runtime of the home.
    assert not (fresh_home / "data").exists()


# Sessions.


def test_a_session_is_closed_behind_an_exception(service: RuntimeService) -> None:
    """And the exception is the one that the program raised."""
    session = Session(service=service, backend="aer_simulator", max_time="10m")
    assert session.details()["max_time"] == 600
    with pytest.raises(ZeroDivisionError), session:
        raise ZeroDivisionError
    assert session.status() == "Closed"
    session.close()
    for again in (session, Session.from_id(session.session_id, service)):
        with pytest.raises(SessionClosedError):
            Sampler(mode=again).run([bell()])


@pytest.mark.parametrize("name", ["aer_simulator", "ibmq_qasm_simulator"])
def test_a_backend_may_be_named_or_given(service: RuntimeService, name: str) -> None:
    """`backend()` returns the name."""
    backend = service.backend(name)
    for argument in (name, backend):
        with Session(service=service, backend=argument) as session:
            assert session.backend() == name
    with Session(backend=backend) as session:
        assert session.service is service


def test_a_session_is_taken_up_by_its_id(service: RuntimeService, session: Session) -> None:
    again = Session.from_id(session.session_id, service)
    assert (again.session_id, again.backend()) == (session.session_id, "aer_simulator")
    job = Sampler(mode=again).run([bell()], shots=3)
    assert job.session_id == session.session_id
    with pytest.raises(ValueError, match=r"Session\.from_id"):
        Batch.from_id(session.session_id, service)
    with pytest.raises(SessionNotFoundError):
        Session.from_id("5d0c4b7e-0000-4000-8000-000000000000", service)


@pytest.mark.parametrize(("wrong", "kind"), [("", ValueError), ("..", ValueError), (3, TypeError)])
def test_an_id_that_is_none(service: RuntimeService, wrong: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        Session.from_id(wrong, service)
    with pytest.raises(kind):
        service.job(wrong)


def test_a_batch(service: RuntimeService) -> None:
    with Batch(service=service, backend="aer_simulator") as batch:
        assert batch.details()["mode"] == "batch"
        jobs = [Sampler(mode=batch).run([bell()], shots=shots) for shots in (1, 2, 3)]
        found = [job.result()[0].data.meas.num_shots for job in jobs]
    assert found == [1, 2, 3]
    assert batch.status() == "Closed"


def test_threads_share_a_session(session: Session) -> None:
    """Each gets its own result."""

    def run(shots: int) -> int:
        sampler = Sampler(mode=session, options={"optimization_level": 1})
        return sum(sampler.run([bell()], shots=shots).result()[0].data.meas.get_counts().values())

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(run, range(1, 17))) == list(range(1, 17))


# Programs.


def test_a_program_is_run_by_its_name(session: Session) -> None:
    """Results have Qiskit's types, and a callback gets the job's id and the result, once."""
    calls: list[tuple[str, Any]] = []
    called = threading.Event()

    def note(job_id: str, result: Any) -> None:
        calls.append((job_id, result))
        called.set()

    job = session.run("sampler", {"pubs": [(bell(), None, 12)]}, callback=note)
    assert called.wait(30)
    ((job_id, result),) = calls
    assert job_id == job.job_id()
    assert isinstance(result, PrimitiveResult)
    assert result[0].data.meas.num_shots == job.result()[0].data.meas.num_shots == 12

    called.clear()
    decoded = session.run("sampler", {"pubs": [(bell(),)]}, result_decoder=len, callback=note)
    assert decoded.result() > 0
    assert decoded.result(decoder=str).startswith("{")
    assert called.wait(30)
    assert calls[1][1] > 100


def test_estimates_of_a_known_state(session: Session) -> None:
    """Exact where the state is an eigenstate; else within five times the standard error."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    observables = ["ZZ", "XX", "YY", SparsePauliOp.from_list([("ZZ", 0.5), ("XX", 0.25)]), "ZI"]
    job = Estimator(mode=session).run([(circuit, observables)], precision=0.02)
    data = job.result()[0].data
    assert data.evs.shape == data.stds.shape == (5,)
    np.testing.assert_allclose(data.evs[:4], [1, 1, -1, 0.75], atol=1e-12)
    assert abs(data.evs[4]) < 5 * 0.02


def test_estimates_have_the_shape_of_the_pub(session: Session) -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    angles = np.linspace(0, np.pi, 5)
    job = Estimator(mode=session).run([(circuit, [["Z"], ["X"]], angles)], precision=0.01)
    evs = job.result()[0].data.evs
    assert evs.shape == (2, 5)
    np.testing.assert_allclose(evs, [np.cos(angles), np.sin(angles)], atol=0.06)


def test_a_sweep_of_the_sampler(session: Session) -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta, 0)
    circuit.measure_all()
    bits = Sampler(mode=session).run([(circuit, [[0], [np.pi]], 30)]).result()[0].data.meas
    assert (bits.num_shots, bits.shape) == (30, (2,))
    assert bits[0].get_counts() == {"0": 30}
    assert bits[1].get_counts() == {"1": 30}


# Circuits.


def cancelling() -> QuantumCircuit:
    """Return a circuit that any optimization makes smaller."""
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.h(0)
    circuit.measure_all()
    return circuit


def test_a_circuit_goes_as_given_unless_a_level_is_set(
    service: RuntimeService, session: Session
) -> None:
    """The service's own copy of the job says what was sent."""
    given = cancelling()
    jobs = {
        level: Sampler(mode=session, options=Options(optimization_level=level)).run([given])
        for level in (None, 1)
    }
    (as_given,) = sent_circuits(service, jobs[None].job_id())
    assert as_given == given
    (optimized,) = sent_circuits(service, jobs[1].job_id())
    assert optimized.count_ops() == {"measure": 1, "barrier": 1}
    assert given == cancelling()


def test_library_and_command_share_the_cache(cli: Cli, service: RuntimeService) -> None:
    """What one of them transpiled the other finds, for the same session."""
    opened = cli.data("open", "--local", "--backend", "aer_simulator")["session"]
    session = Session.from_id(opened["session_id"], service)
    options = Options(optimization_level=3, seed_transpiler=11)
    sampler = Sampler(mode=session, options=options)
    first = cancelling()
    for _ in range(3):
        sampler.run([first], shots=2)
    assert sampler._preparation().misses == 1
    as_level = ("--optimization-level", "3", "--seed-transpiler", "11", "--shots", "2")
    write(cli, "first.qpy", circuits_to_qpy([first]))
    assert cli.data("run", "first.qpy", *as_level)["circuit_cache"] == "hit"

    second = cancelling()
    second.name = "another"
    write(cli, "second.qpy", circuits_to_qpy([second]))
    assert cli.data("run", "second.qpy", *as_level)["circuit_cache"] == "miss"
    other = Sampler(mode=session, options=options)
    other.run([second], shots=2).result()
    assert other._preparation().misses == 0


@pytest.mark.parametrize(
    ("pubs", "words"),
    [
        ([QuantumCircuit(1)], "measures nothing"),
        ([(bell(), [1.0])], "A pub cannot be read"),
        ([("bell", None)], "must be QuantumCircuit"),
        ([(bell(), None, 0)], "shots must be positive"),
    ],
)
def test_pubs_that_cannot_run_are_not_sent(session: Session, pubs: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Sampler(mode=session).run(pubs)
    assert list(session.service.jobs(session_id=session.session_id)) == []


# Jobs.


def slow_job(session: Session) -> Any:
    return session.run(
        "sampler",
        {"pubs": [(SLOW, None, 1_000_000)]},
        Options(environment={"job_tags": ["slow"]}),
    )


def test_a_job_that_takes_long(service: RuntimeService, session: Session) -> None:
    """It can be waited for for a while, and cancelled; each end has its own error."""
    job = slow_job(session)
    assert job.tags == ["slow"]
    wait_for(job.running, what="running")
    with pytest.raises(NotFinishedError):
        job.result_text()
    with pytest.raises(WaitTimeoutError, match=r"still running after 0\.2 s"):
        job.result(timeout=0.2)
    assert not job.in_final_state()
    job.cancel()
    assert job.cancelled()
    with pytest.raises(JobCancelledError):
        job.result()
    assert service.job(job.job_id()).status() == "CANCELLED"


def test_a_job_that_exceeds_its_time_failed(session: Session) -> None:
    """As IBM's client has it, though the service calls it cancelled."""
    job = session.run("sampler", {"pubs": [(SLOW, None, 1_000_000)]}, Options(max_execution_time=1))
    with pytest.raises(JobFailedError, match="maximum execution time"):
        job.result()
    assert job.status() == "ERROR"
    assert job.errored()


def test_the_result_of_a_private_job_can_be_read_once(
    cli: Cli, service: RuntimeService, session: Session, shared_home: Path
) -> None:
    """And nothing of it stays here."""
    options = Options(environment={"private": True})
    job = Sampler(mode=session, options=options).run([bell()], shots=4)
    assert job.result()[0].data.meas.num_shots == 4
    with pytest.raises(NotFinishedError, match="can be read once"):
        service.job(job.job_id()).result()
    before = set((shared_home / "cache" / "content").iterdir())
    ran = cli.data("run", "@ghz", "--private", "--backend", "aer_simulator", "--local")
    assert set((shared_home / "cache" / "content").iterdir()) == before
    results = shared_home / "state" / "results"
    assert not (results / f"{ran['job']['job_id']}.json").exists()
