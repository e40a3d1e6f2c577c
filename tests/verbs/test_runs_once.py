"""The same wish again: one job, whatever became of it, and its result while we have it."""

from dataclasses import replace
from pathlib import Path

import pytest

from qrsession.circuits.sources import Source, SourceFormat, read_sources
from qrsession.client.transport import Call, Reply
from qrsession.errors import (
    JobNotFoundError,
    RequestRefusedError,
)
from qrsession.options import Options
from qrsession.protocol.instances import account_of_crn
from qrsession.pubs.assignments import parse_values
from qrsession.pubs.observable_lists import read_observables
from qrsession.pubs.values import ParameterValues
from qrsession.service import RuntimeService
from qrsession.submission.once import tag_once
from qrsession.submission.patience import Patience
from qrsession.verbs.runs import RunRequest, Submitted, run_on_backend
from qrsession.waiting.awaiting import await_jobs

BACKEND = "aer_simulator"
CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/{}:{}::"


@pytest.fixture
def service(shared_home: Path, tmp_path: Path) -> RuntimeService:
    """A service of the shared runtime, with records of this test's own."""
    service = RuntimeService("local")
    service.records = type(service.records)(tmp_path / "state")
    service.pending = type(service.pending)(tmp_path / "state")
    assert service.client.transport.endpoint.is_loopback, shared_home
    return service


@pytest.fixture
def request_once(tmp_path: Path) -> RunRequest:
    """What is to be run once, under a key that no other test has."""
    return RunRequest(read_sources(["@bell"]), shots=10, once=str(tmp_path))


def ids(submitted: Submitted) -> list[str]:
    return [job.job_id() for job in submitted.jobs]


def tag_of(request: RunRequest, sources: list[Source], instance: str | None) -> str | None:
    return tag_once(request, [[source] for source in sources], BACKEND, instance)


def test_another_file_beside_them_makes_no_difference_to_jobs(request_once: RunRequest) -> None:
    """A glob that finds one file more must not pay for all of them again."""
    bell, ghz = read_sources(["@bell", "@ghz"])
    crn = CRN.format("me", "here")
    assert tag_of(request_once, [bell], crn) == tag_of(request_once, [ghz, bell], crn)
    assert tag_of(request_once, [bell], crn) != tag_of(request_once, [bell, bell], crn)
    assert tag_of(request_once, [ghz], crn) != tag_of(request_once, [ghz, bell], crn)


def test_a_key_is_of_one_account_at_any_of_its_instances(request_once: RunRequest) -> None:
    (bell,) = read_sources(["@bell"])
    mine = tag_of(request_once, [bell], CRN.format("me", "here"))
    assert tag_of(request_once, [bell], CRN.format("me", "there")) == mine
    assert tag_of(request_once, [bell], CRN.format("you", "here")) != mine
    assert account_of_crn(None) == account_of_crn("my-instance") == ""


@pytest.mark.fast
def test_jobs_of_earlier_versions_are_found() -> None:
    """Their tags are what they were: of a key and of all that could be asked for then."""
    source = Source("a", b"OPENQASM 3.0;", SourceFormat.QASM3)
    plain = RunRequest([source], shots=10, once="k")
    assert tag_of(plain, [source], None) == "qrs-2oxdmsrf3n3zm7crgxqmcrzznl"
    options = Options(max_execution_time=5, environment={"job_tags": ["x"], "private": True})
    values = ParameterValues.single({"a": 0.5})
    bound = RunRequest([source], once="k", values=values, options=options)
    assert tag_of(bound, [source], None) == "qrs-2afltrtiz3v2xoldcsve54nslp"


@pytest.mark.fast
def test_all_that_makes_a_job_makes_its_tag() -> None:
    source = Source("a", b"OPENQASM 3.0;", SourceFormat.QASM3)
    wish = RunRequest(
        [source], primitive="estimator", once="k", observables=read_observables(["ZZ"])
    )
    others = [
        replace(wish, observables=read_observables(["ZZ", "XX"])),
        replace(wish, observables=read_observables(["0.5*ZZ"])),
        replace(wish, precision=0.1),
        replace(wish, values=parse_values(["a=0:1:3"])),
        replace(wish, values=parse_values(["a=0:1:4"])),
        replace(wish, options=Options(resilience_level=2)),
        replace(wish, options=Options(resilience={"zne_mitigation": True})),
    ]
    tags = {tag_of(one, [source], None) for one in (wish, *others)}
    assert len(tags) == len(others) + 1


def test_a_job_that_is_to_exist_once_is_not_made_again_when_it_was_deleted(
    service: RuntimeService, request_once: RunRequest
) -> None:
    first = run_on_backend(service, BACKEND, request_once)
    (job,) = first.jobs
    job.wait_for_final_state()
    service.client.delete_job(job.job_id())
    again = run_on_backend(service, BACKEND, request_once)
    assert ids(again) == ids(first)
    with pytest.raises(JobNotFoundError):
        await_jobs(again.jobs).checked()


def test_a_result_that_we_have_needs_no_service(
    service: RuntimeService, request_once: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_on_backend(service, BACKEND, request_once)
    (outcome,) = await_jobs(first.jobs).checked()
    service.client.delete_job(first.jobs[0].job_id())
    again = run_on_backend(service, BACKEND, request_once)
    asked: list[Call] = []

    def refuse(call: Call) -> Reply:
        asked.append(call)
        return Reply(400, "", {})

    monkeypatch.setattr(service.client.transport, "send", refuse)
    (kept,) = await_jobs(again.jobs).checked()
    assert kept.pubs == outcome.pubs
    assert asked == []


def test_a_damaged_copy_of_a_result_is_asked_for_again(
    service: RuntimeService, request_once: RunRequest
) -> None:
    first = run_on_backend(service, BACKEND, request_once)
    (outcome,) = await_jobs(first.jobs).checked()
    path = service.records.result_path(first.jobs[0].job_id())
    whole = path.read_bytes()
    path.write_bytes(whole[:20] + b"\xff")
    (again,) = await_jobs(run_on_backend(service, BACKEND, request_once).jobs).checked()
    assert again.pubs == outcome.pubs
    assert path.read_bytes() == whole


def test_jobs_before_one_that_fails_are_told(
    service: RuntimeService, request_once: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    accepted: list[str] = []
    send = service.client.transport.send

    def refuse_second(call: Call) -> Reply:
        if call.creates and accepted:
            return Reply(400, '{"errors": [{"code": 1208, "message": "no"}]}', {})
        reply = send(call)
        if call.creates:
            accepted.append(reply.json()["id"])
        return reply

    monkeypatch.setattr(service.client.transport, "send", refuse_second)
    request = replace(
        request_once,
        sources=read_sources(["@bell", "@ghz"]),
        separate=True,
        once=None,
        patience=Patience(say=said.append),
    )
    with pytest.raises(RequestRefusedError):
        run_on_backend(service, BACKEND, request)
    assert said == [f"Submitted before, and going on: qrsession wait {accepted[0]}"]
