"""What earlier commands left undone is seen to by the next one, and nothing is submitted by it."""

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qrsession import storage
from qrsession.client.transport import Call, Reply, Transport
from qrsession.errors import ServiceUnavailableError, StorageError
from qrsession.protocol.models import JobRequest, SessionRequest
from qrsession.service import RuntimeService
from qrsession.session import Session
from qrsession.settings import Settings
from qrsession.state.ledger import Ledger
from qrsession.state.pending import Closing, Intent, IntentState, Opening
from qrsession.submission.opening import close_session
from qrsession.submission.settling import Settler
from qrsession.tags import new_tag
from tests.sample_circuits import BELL

BACKEND = "aer_simulator"
# No process has it: it is above the largest number that systems give.
DEAD_PID = 2**22 + 1


@pytest.fixture
def service(shared_home: Path, tmp_path: Path) -> RuntimeService:
    """A service of the shared runtime, with a state of this test's own."""
    settings = Settings.from_environ()
    state_dir = tmp_path / "state"
    assert shared_home.is_dir()
    own = replace(settings, state_dir=state_dir, state_file=state_dir / "state.toml")
    service = RuntimeService("local", settings=settings)
    # The runtime's files stay where it is; what is kept of jobs and sessions does not.
    service.records = type(service.records)(state_dir)
    service.pending = type(service.pending)(state_dir)
    service.settings = own
    return service


@pytest.fixture
def said() -> list[str]:
    return []


def settler(service: RuntimeService, said: list[str], later: timedelta = timedelta()) -> Settler:
    """Return who settles, so much later."""
    return Settler(
        service.account,
        Ledger(service.settings),
        service.settings,
        say=said.append,
        now=lambda: datetime.now(UTC) + later,
    )


def dead_intent(tag: str) -> Intent:
    """Return what a submission left whose process was killed."""
    now = datetime.now(UTC)
    return Intent(tag, "local", None, BACKEND, "sampler", now, DEAD_PID, socket.gethostname())


def submitted(service: RuntimeService, tag: str) -> str:
    """Submit a job with a tag, and keep nothing of it here."""
    params = {"pubs": [[BELL, None, 10]], "version": 2, "support_qiskit": True}
    request = JobRequest(program_id="sampler", backend=BACKEND, params=params, tags=("mine", tag))
    return service.client.create_job(request).job_id


def test_the_job_of_a_killed_command_is_found(service: RuntimeService, said: list[str]) -> None:
    tag = new_tag()
    job_id = submitted(service, tag)
    service.pending.intents.put(replace(dead_intent(tag), files=("bell.qasm",)))
    settler(service, said).settle_all()
    (entry,) = service.records.jobs(None)
    assert (entry.job_id, entry.tags, entry.files) == (job_id, ("mine",), ("bell.qasm",))
    (line,) = said
    assert f"qrsession result {job_id}" in line
    # A second copy may come for a day; nothing is said twice.
    (intent,) = service.pending.intents.all()
    assert (intent.state, intent.job_id) == (IntentState.WATCHED, job_id)
    settler(service, said).settle_all()
    assert len(said) == 1
    settler(service, said, timedelta(hours=25)).settle_all()
    assert service.pending.intents.all() == []


def test_a_submission_that_came_to_nothing_is_marked_and_never_sent(
    service: RuntimeService, said: list[str]
) -> None:
    tag = new_tag()
    service.pending.intents.put(dead_intent(tag))
    settler(service, said).settle_all()
    # It may still be on its way.
    assert said == []
    assert service.pending.intents.all()[0].state == IntentState.SENDING
    settler(service, said, timedelta(seconds=121)).settle_all()
    (line,) = said
    assert "no job came of it" in line
    assert service.pending.intents.all()[0].state == IntentState.NOT_SUBMITTED
    assert list(service.client.list_jobs(tags=(tag,))) == []
    # Should it come all the same, it is found.
    job_id = submitted(service, tag)
    settler(service, said, timedelta(hours=1)).settle_all()
    assert service.records.find_tagged(tag).job_id == job_id  # type: ignore[union-attr] # found


def test_a_second_copy_is_cancelled(service: RuntimeService, said: list[str]) -> None:
    tag = new_tag()
    first, second = submitted(service, tag), submitted(service, tag)
    watched = replace(dead_intent(tag), state=IntentState.WATCHED, job_id=first)
    service.pending.intents.put(watched)
    settler(service, said).settle_all()
    (line,) = said
    assert second in line
    assert "second copy" in line
    assert service.records.find_tagged(tag) is None
    assert service.client.get_job(first).status != "Cancelled"


def test_a_submission_under_way_is_left_alone(service: RuntimeService, said: list[str]) -> None:
    tag = new_tag()
    submitted(service, tag)
    service.pending.intents.put(replace(dead_intent(tag), host="another machine"))
    settler(service, said).settle_all()
    assert said == []
    assert service.records.find_tagged(tag) is None


def test_other_accounts_are_left_alone(service: RuntimeService, said: list[str]) -> None:
    tag = new_tag()
    submitted(service, tag)
    service.pending.intents.put(replace(dead_intent(tag), account="work"))
    settler(service, said).settle_all()
    assert service.records.find_tagged(tag) is None


def test_a_close_that_could_not_be_sent_is_sent_later(
    service: RuntimeService, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(service=service, backend=BACKEND)

    def fail(_transport: Transport, _call: Call) -> Reply:
        raise ServiceUnavailableError("No connection.")

    with monkeypatch.context() as patch:
        patch.setattr(Transport, "send", fail)
        with pytest.raises(ServiceUnavailableError, match="could not be closed") as caught:
            session.close()
        assert "next command" in caught.value.advice
        # Out of reach still: nothing is lost, and nothing fails.
        settler(service, said).settle_all()
    (closing,) = service.pending.closings.all()
    assert closing.session_id == session.session_id
    settler(service, said).settle_all()
    assert service.pending.closings.all() == []
    assert service.client.get_session(session.session_id).accepting_jobs is False
    assert session.session_id not in {
        entry.session_id for entry in Ledger(service.settings).read().sessions.values()
    }


def test_a_session_of_a_library_is_in_the_ledger_until_it_is_closed(
    service: RuntimeService,
) -> None:
    ledger = Ledger(service.settings)
    with Session(service=service, backend=BACKEND) as session:
        (entry,) = ledger.read().sessions.values()
        assert (entry.session_id, entry.opened_by) == (session.session_id, "library")
        assert ledger.read().current is None
    assert not ledger.read().sessions
    assert service.pending.openings.all() == []


def test_a_session_whose_reply_was_lost_is_asked_for_again_and_the_first_is_told(
    service: RuntimeService, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = service.client.transport.send
    lost: list[str] = []

    def lose_first(call: Call) -> Reply:
        reply = send(call)
        if call.creates and not lost:
            lost.append(reply.json()["id"])
            return Reply(502, "", {})
        return reply

    monkeypatch.setattr(service.client.transport, "send", lose_first)
    session = Session(service=service, backend=BACKEND)
    (opening,) = service.pending.openings.all()
    assert opening.is_in_doubt
    ours = settler(service, said)
    assert lost[0] in {workload.workload_id for workload in ours.perhaps_of(opening)}
    # It is no more ours than a neighbour's, so it stays as it is.
    settler(service, said, timedelta(seconds=200)).settle_all()
    assert service.client.get_session(lost[0]).state == "open"
    assert service.pending.openings.all() == [opening]
    for session_id in (lost[0], session.session_id):
        close_session(service, session_id)
    for workload in ours.perhaps_of(opening):
        # Of neighbours in the shared runtime.
        close_session(service, workload.workload_id)
    settler(service, said, timedelta(seconds=200)).settle_all()
    assert service.pending.openings.all() == []


def test_an_opening_that_came_to_nothing_is_forgotten(
    service: RuntimeService, said: list[str]
) -> None:
    now = datetime.now(UTC) + timedelta(days=-1, hours=1)
    service.pending.openings.put(
        Opening("k", "local", BACKEND, "batch", now, DEAD_PID, is_in_doubt=True)
    )
    before = {
        workload.workload_id
        for workload in settler(service, said).perhaps_of(service.pending.openings.all()[0])
    }
    assert before == set()
    settler(service, said).settle_all()
    assert service.pending.openings.all() == []


def test_a_session_that_is_refused_leaves_no_opening(service: RuntimeService) -> None:
    with pytest.raises(ValueError, match="max_time"):
        Session(service=service, backend=BACKEND, max_time="100h")
    request = SessionRequest(mode="dedicated", backend=BACKEND)
    assert request.max_ttl_s is None
    assert service.pending.openings.all() == []


def refusing(
    service: RuntimeService, monkeypatch: pytest.MonkeyPatch, reply: Reply, part: str
) -> list[str]:
    """Have the service answer so wherever the path holds a part; return what was asked."""
    asked: list[str] = []
    send = Transport.send

    def answer(transport: Transport, call: Call) -> Reply:
        asked.append(f"{call.method} {call.path}")
        return reply if part in call.path else send(transport, call)

    assert service.client is not None
    monkeypatch.setattr(Transport, "send", answer)
    return asked


def test_a_second_copy_is_told_and_cancelled_once(
    service: RuntimeService, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = new_tag()
    first, second = submitted(service, tag), submitted(service, tag)
    service.pending.intents.put(replace(dead_intent(tag), state=IntentState.WATCHED, job_id=first))
    asked = refusing(service, monkeypatch, Reply(500, "", {}), "nowhere")
    for _ in range(3):
        settler(service, said).settle_all()
    assert len(said) == 1
    assert [one for one in asked if "cancel" in one] == [f"POST /jobs/{second}/cancel"]


@pytest.mark.parametrize(("status", "tries"), [(403, 2), (404, 1)])
def test_a_second_copy_that_cannot_be_cancelled_ends_no_command(
    service: RuntimeService,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    tries: int,
) -> None:
    tag = new_tag()
    first = submitted(service, tag)
    submitted(service, tag)
    service.pending.intents.put(replace(dead_intent(tag), state=IntentState.WATCHED, job_id=first))
    refusing(service, monkeypatch, Reply(status, "", {}), "cancel")
    settler(service, said).settle_all()
    settler(service, said).settle_all()
    # A second copy costs money: as long as it cannot be cancelled, it is told.
    assert len(said) == tries


def test_machines_that_share_a_key_keep_the_same_job(
    service: RuntimeService, said: list[str]
) -> None:
    """Each holds on to its own until both are listed; then neither may cancel the other's."""
    tag = new_tag()
    first, second = submitted(service, tag), submitted(service, tag)
    oldest = min(
        (first, second), key=lambda job_id: (service.client.get_job(job_id).created, job_id)
    )
    for own in (first, second):
        service.pending.intents.put(
            replace(dead_intent(tag), state=IntentState.WATCHED, job_id=own, is_shared=True)
        )
        settler(service, said).settle_all()
        (intent,) = service.pending.intents.all()
        assert intent.job_id == oldest
    assert service.client.get_job(oldest).status != "Cancelled"
    found = service.records.find_tagged(tag)
    assert found is not None
    assert found.job_id == oldest


def test_what_a_newer_version_left_is_left_to_it(service: RuntimeService, said: list[str]) -> None:
    tag = new_tag()
    job_id = submitted(service, tag)
    service.pending.intents.put(dead_intent(tag))
    newer = service.settings.state_dir / "pending" / "qrs-newer.json"
    newer.write_text('{"schema_version": 99}')
    settler(service, said).settle_all()
    entry = service.records.find_tagged(tag)
    assert entry is not None
    assert entry.job_id == job_id
    assert newer.exists()


def test_state_that_cannot_be_written_ends_no_command(
    service: RuntimeService, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        tag = new_tag()
        submitted(service, tag)
        service.pending.intents.put(dead_intent(tag))

    def be_full(path: Path, _line: bytes, **_times: float) -> None:
        raise StorageError(f"{path} cannot be used: Read-only file system.")

    monkeypatch.setattr(storage, "append_line", be_full)
    settler(service, said).settle_all()
    (line,) = said
    assert "Read-only file system" in line
    assert len(service.pending.intents.all()) == 3


def test_one_command_does_a_bounded_part_of_what_many_left(
    service: RuntimeService, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = replace(dead_intent("-"), state=IntentState.NOT_SUBMITTED)
    for number in range(200):
        service.pending.intents.put(replace(watched, tag=f"qrs-{number}"))
    tag = new_tag()
    job_id = submitted(service, tag)
    # Younger than all those, and yet the first to be seen to.
    service.pending.intents.put(dead_intent(tag))
    asked = refusing(service, monkeypatch, Reply(500, "", {}), "nowhere")
    settler(service, said).settle_all()
    entry = service.records.find_tagged(tag)
    assert entry is not None
    assert entry.job_id == job_id
    assert 0 < len(asked) <= 10


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_has_too_much_to_do_is_left_alone(
    service: RuntimeService, said: list[str], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    for number in range(5):
        service.pending.intents.put(replace(dead_intent("-"), tag=f"qrs-{number}"))
    asked = refusing(service, monkeypatch, Reply(status, "{}", {}), "jobs")
    settler(service, said).settle_all()
    assert len(asked) == 1
    assert said == []


def test_an_intent_from_the_future_counts_from_now(
    service: RuntimeService, said: list[str]
) -> None:
    future = datetime.now(UTC) + timedelta(days=30)
    service.pending.intents.put(replace(dead_intent(new_tag()), created_at=future))
    settler(service, said).settle_all()
    settler(service, said, timedelta(seconds=121)).settle_all()
    (line,) = said
    assert "no job came of it" in line


def test_a_close_that_is_refused_for_good_is_given_up(
    service: RuntimeService, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service.pending.closings.put(Closing("session-1", "local", datetime.now(UTC)))
    refusing(service, monkeypatch, Reply(403, "{}", {}), "sessions")
    settler(service, said, timedelta(days=1)).settle_all()
    assert len(service.pending.closings.all()) == 1
    settler(service, said, timedelta(days=8)).settle_all()
    assert service.pending.closings.all() == []
