"""Jobs, sessions and primitives of the library on the runtime, as programs of others use them."""

import ast
import json
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import run
from sys import executable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import BasePrimitiveJob, BitArray, DataBin, PrimitiveResult, PubResult
from qiskit.providers import BackendV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp

from qrsession import Batch, Estimator, Options, RuntimeService, Sampler, Session
from qrsession.errors import (
    InvalidTypeError,
    InvalidValueError,
    JobFailedError,
    SessionClosedError,
)
from qrsession.session import current_session
from tests.e2e.programs import wait_for
from tests.sample_circuits import bell

pytestmark = pytest.mark.timeout(120)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
TWIN = "ibmq_manila"


@pytest.fixture(scope="module")
def home(runtime_home: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QRSESSION_HOME", str(runtime_home))
        yield runtime_home


@pytest.fixture(scope="module")
def session(home: Path) -> Iterator[Session]:
    """Open one session for all tests that only run something in it."""
    assert home.is_dir()
    with Session(service=RuntimeService("local"), backend="aer_simulator") as opened:
        yield opened


def turning() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    return circuit


def test_the_program_that_everyone_begins_with(shared_home: Path) -> None:
    """As it stands, with the built-in account that counts where there is no other."""
    assert shared_home.is_dir()
    circ = bell()
    options = Options(optimization_level=3)
    with Session(backend="ibmq_qasm_simulator") as session:
        sampler = Sampler(session=session, options=options)
        job = sampler.run(circ)
        assert job.job_id()
        counts = job.result()[0].data.meas.get_counts()
        session.close()
    assert set(counts) == {"00", "11"}
    assert session.status() == "Closed"


@pytest.mark.parametrize("page", ["library", "options"])
def test_the_programs_of_the_pages_run(
    shared_home: Path, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shared_home.is_dir()
    text = (REFERENCE / f"{page}.md").read_text()
    (program,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile(program, page, "exec"), names)  # noqa: S102 - our own
    if page == "library":
        counts = ast.literal_eval(capsys.readouterr().out)
        assert sum(counts.values()) == 100
        assert set(counts) <= {"00", "11"}
    assert names["Options"] is Options


# Jobs


def test_a_job_answers_as_those_of_ibms_client(session: Session) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    options = Options(environment={"job_tags": ["seen"]}, max_execution_time=300)
    sampler = Sampler(mode=session, options=options)
    job = sampler.run([(bell(), None, 20)])
    assert isinstance(job, BasePrimitiveJob)
    job.wait_for_final_state(timeout=60, poll_interval=0.1)
    assert (job.status(), job.done(), job.in_final_state()) == ("DONE", True, True)
    assert (job.running(), job.cancelled(), job.errored()) == (False, False, False)
    assert job.error_message() is None
    assert job.primitive_id == job.primitive == "sampler"
    assert (job.session_id, job.tags, job.private) == (session.session_id, ["seen"], False)
    assert job.image == ""
    assert job.instance == session.service.instance

    backend = job.backend()
    assert isinstance(backend, BackendV2)
    assert backend is job.backend()
    assert backend.name == sampler.backend().name == "aer_simulator"
    assert job.creation_date is not None
    assert before < job.creation_date < datetime.now(UTC) + timedelta(seconds=1)

    metrics = job.metrics()
    assert json.loads(json.dumps(metrics)) == metrics
    assert metrics["usage"]["qpu_charge_time_seconds"] == job.usage() == job.usage(partial=True)
    assert metrics["usage"]["status"] == "complete"
    times = [metrics["timestamps"][name] for name in ("created", "running", "finished")]
    assert times == sorted(times)
    assert job.usage_estimation.keys() == {"quantum_seconds"}
    assert isinstance(job.logs(), str)
    assert job.update_tags(["other"]) == ["other"]

    ((circuit, values, shots),) = job.inputs["pubs"]
    assert (circuit, values.shape, shots) == (bell(), (0,), 20)
    assert (job.inputs["version"], job.inputs["support_qiskit"]) == (2, True)
    assert job.properties() is None


def test_a_result_is_qiskits(session: Session) -> None:
    """With what Qiskit's classes promise: joined registers, slices, metadata, execution spans."""
    circuit = QuantumCircuit(2, 0)
    for name in ("low", "high"):
        circuit.add_register(type(bell().cregs[0])(1, name))
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    result = Sampler(mode=session).run([circuit, bell()], shots=30).result(poll_interval=0.1)
    assert isinstance(result, PrimitiveResult)
    assert (len(result), result.metadata["version"]) == (2, 2)
    first = result[0]
    assert isinstance(first, PubResult)
    assert isinstance(first.data, DataBin)
    assert isinstance(first.data.low, BitArray)
    assert first.join_data(["low", "high"]).get_counts() == {"01": 30}
    assert first.join_data().num_bits == 2
    assert isinstance(first.metadata, dict)
    spans = result.metadata["execution"]["execution_spans"]
    assert spans.pub_idxs == [0, 1]
    assert spans.start <= spans[0].stop <= spans.stop
    assert spans[0].mask(0).shape == (30,)
    assert sum(span.size for span in spans) == 60


def test_a_decoder_may_be_a_function_an_object_or_several(session: Session) -> None:
    class Reader:
        @classmethod
        def decode(cls, text: str) -> Any:
            return json.loads(text)

    job = session.run("sampler", {"pubs": [(bell(),)]}, result_decoder=Reader)
    assert job.result()["__type__"] == "PrimitiveResult"
    assert job.result(decoder=[Reader, sorted])[0] == "__type__"
    assert job.result(decoder=len) > 10
    wrong: Any = 5
    with pytest.raises(InvalidTypeError, match="must be a function"):
        job.result(decoder=wrong)


@pytest.mark.deep
def test_properties_are_those_of_a_device(shared_home: Path) -> None:
    """As they were when the job ran."""
    assert shared_home.is_dir()
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    backend = RuntimeService("local").backend(TWIN)
    job = Sampler(mode=backend).run([circuit], shots=5)
    job.result()
    found = job.properties()
    assert found is not None
    assert found["backend_name"] == TWIN
    assert len(found["qubits"]) == backend.num_qubits
    assert job.properties() is found
    again = job.backend()
    assert again is not None
    assert again.target.num_qubits == backend.num_qubits


# Primitives


def test_older_programs_give_circuits_observables_and_values_apart(session: Session) -> None:
    estimator = Estimator(session=session, options={"seed_estimator": 5})
    ways = [
        estimator.run(turning(), "Z", [0.0]),
        estimator.run([turning()], [SparsePauliOp("Z")], [[0.0]]),
        estimator.run(circuits=[turning()], observables=["Z"], parameter_values=[[0.0]]),
        estimator.run((turning(), "Z", [0.0])),
        estimator.run([(turning(), "Z", {"a": 0.0})], precision=0.1),
    ]
    for job in ways:
        assert job.result()[0].data.evs == pytest.approx(1.0, abs=1e-12)
    sampled = turning()
    sampled.measure_all()
    sampler = Sampler(backend=session.device(), options=Options(shots=7))
    for job in (
        sampler.run(sampled, [0.0]),
        sampler.run(circuits=[sampled], parameter_values=[[0.0]]),
        sampler.run([(sampled, 0.0, np.int64(7))]),
    ):
        assert job.result()[0].data.meas.get_counts() == {"0": 7}
        assert job.session_id is None
    with pytest.raises(InvalidValueError, match="same"):
        sampler.run([sampled], circuits=[sampled])


def test_a_primitive_has_options_of_its_own_that_may_change(session: Session) -> None:
    given = Options(default_shots=5)
    sampler, other = Sampler(mode=session, options=given), Sampler(mode=session, options=given)
    sampler.options.default_shots = 6
    assert (given.default_shots, other.options.default_shots) == (5, 5)
    cancelling = QuantumCircuit(1)
    cancelling.h(0)
    cancelling.h(0)
    cancelling.measure_all()
    jobs = []
    for level in (None, 0, 1):
        sampler.options.optimization_level = level
        jobs.append(sampler.run([cancelling]))
    sent = [job.inputs["pubs"][0][0].count_ops().get("h", 0) for job in jobs]
    assert sent == [2, 2, 0]
    assert jobs[-1].result()[0].data.meas.num_shots == 6
    sampler.options = given
    sampler.options.default_shots = 8
    assert given.default_shots == 5
    assert sampler.run([cancelling]).result()[0].data.meas.num_shots == 8


def test_inside_of_a_session_no_mode_is_needed(session: Session) -> None:
    """As in qiskit-ibm-runtime: it is that of the innermost block."""
    service = session.service
    with pytest.raises(InvalidTypeError, match="needs a session, a batch or a backend"):
        ThreadPoolExecutor(1).submit(Sampler).result()
    outer = current_session()
    with Batch(service=service, backend="aer_simulator") as batch:
        assert Sampler().mode is batch
        assert Estimator().session is batch
    assert current_session() is outer


def test_a_mode_of_another_package_is_told_apart(session: Session) -> None:
    with pytest.raises(InvalidTypeError, match="mode='generic_backend_2q'"):
        Sampler(mode=GenericBackendV2(2))
    with pytest.raises(InvalidTypeError, match=r"Session\.from_id"):
        Sampler(mode=type("Theirs", (), {"session_id": "x"})())
    with pytest.raises(InvalidValueError, match="one of mode, session and backend"):
        Sampler(session, session=session)
    for kind in (Session, Batch):
        with pytest.raises(TypeError, match=rf'{kind.__name__}\(backend="\.\.\."\)'):
            kind("aer_simulator")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=rf'{kind.__name__}\(backend="\.\.\."\)'):
            kind(session.device())


# Sessions


def test_nothing_runs_after_close(session: Session) -> None:
    closed = Session(service=session.service, backend="aer_simulator")
    closed.close()
    with pytest.raises(SessionClosedError):
        closed.run("sampler", {"pubs": [(bell(),)]})
    with pytest.raises(SessionClosedError):
        Sampler(mode=closed).run([bell()])
    with pytest.raises(SessionClosedError):
        Estimator(mode=closed).run([(turning(), "Z", 0.1)])
    closed.close()
    closed.cancel()
    stamps = closed.details()["timestamps"]
    assert [entry["status"] for entry in stamps] == ["open", "closed"]
    assert all(entry["timestamp"].tzinfo is UTC for entry in stamps)


def test_options_of_a_program_are_those_of_its_primitive(session: Session) -> None:
    options = Options(default_shots=6, resilience_level=0, log_level="INFO")
    job = session.run("sampler", {"pubs": [(bell(),)]}, options)
    assert job.result()[0].data.meas.num_shots == 6
    own = {"options": {"default_shots": 4}}
    job = session.run("sampler", {"pubs": [(bell(),)], **own}, {"default_shots": 6})
    assert job.result()[0].data.meas.num_shots == 4
    pub = (turning(), "Z", [0.0])
    job = session.run("estimator", {"pubs": [pub]}, Options(resilience_level=0))
    assert job.inputs["resilience_level"] == 0
    with pytest.raises(InvalidValueError, match="the sampler has it"):
        session.run("estimator", {"pubs": [pub]}, {"execution": {"meas_type": "kerneled"}})


def callback_thread(job_id: str) -> threading.Thread | None:
    names = {thread.name: thread for thread in threading.enumerate()}
    return names.get(f"callback of {job_id}")


def test_a_callback_is_called_for_a_result_alone(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Once; what it raises is logged, and so is that there is nothing to call it with."""
    calls: list[str] = []

    def fail(job_id: str, result: Any) -> None:
        calls.append(job_id)
        raise ZeroDivisionError(len(result))

    with caplog.at_level(logging.WARNING, "qrsession.callback"):
        job = session.run("sampler", {"pubs": [(bell(),)]}, callback=fail)
        wait_for(lambda: callback_thread(job.job_id()) is None, what="called")
        assert calls == [job.job_id()]
        (record,) = caplog.records
        assert job.job_id() in record.getMessage()
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError
        caplog.clear()

        options = {"simulator": {"noise_model": {"wrong": 1}}}
        inputs = {"pubs": [(bell(),)], "options": options}
        failing = session.run("sampler", inputs, callback=fail)
        with pytest.raises(JobFailedError):
            failing.result()
        wait_for(lambda: callback_thread(failing.job_id()) is None, what="told")
        assert calls == [job.job_id()]
        (record,) = caplog.records
        assert f"{failing.job_id()} is not called" in record.getMessage()


LEAVING = """
from qrsession import RuntimeService, Session

bell = "OPENQASM 3.0; include 'stdgates.inc'; qubit[1] q; bit[1] c; x q[0]; c = measure q;"
session = Session(service=RuntimeService("local"), backend="aer_simulator")
inputs = {"pubs": [[bell.replace("'", '"'), None, 9]]}
session.run("sampler", inputs, callback=lambda job, result: print(result[0].data.c.get_counts()))
"""


@pytest.mark.deep
def test_a_program_that_ends_waits_for_its_callback(shared_home: Path) -> None:
    assert shared_home.is_dir()
    done = run([executable, "-c", LEAVING], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "{'1': 9}\n"


# Threads

THREADS, JOBS_EACH = 8, 5


@pytest.mark.parametrize("shares_sampler", [True, False])
def test_threads_share_a_session(
    session: Session, shares_sampler: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job has its own shots; what is built lazily is built once."""
    fresh = Session.from_id(session.session_id, session.service)
    built = []
    build = fresh.service.build_backend

    def counted(*arguments: Any, **options: Any) -> Any:
        built.append(arguments)
        return build(*arguments, **options)

    monkeypatch.setattr(fresh.service, "build_backend", counted)
    shared = Sampler(mode=fresh)
    together = threading.Barrier(THREADS)

    def work(thread: int) -> list[bool]:
        sampler = shared if shares_sampler else Sampler(mode=fresh)
        together.wait(60)
        wanted = [1 + thread * JOBS_EACH + job for job in range(JOBS_EACH)]
        jobs = [sampler.run([bell()], shots=shots) for shots in wanted]
        return [
            job.result()[0].data.meas.num_shots == shots
            for job, shots in zip(jobs, wanted, strict=True)
        ]

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(all(found) for found in threads.map(work, range(THREADS)))
    assert len(built) == 1
