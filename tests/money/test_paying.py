"""Jobs held to their session's budget: reserved before they are sent, settled when they ended."""

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from qrsession.client.transport import Call, Reply
from qrsession.errors import (
    LimitReachedError,
    QrsessionError,
    ReplyLostError,
    RequestRefusedError,
    SessionClosedError,
    StorageError,
    SubmissionUnknownError,
)
from qrsession.job import RuntimeJob
from qrsession.money.budgets import Ask, Budget
from qrsession.money.paying import reconcile
from qrsession.money.purse import Purse
from qrsession.options import Options
from qrsession.protocol.models import JobRequest
from qrsession.service import RuntimeService
from qrsession.session import Batch, Session
from qrsession.state.entries import COMMAND
from qrsession.state.ledger import Ledger
from qrsession.state.pending import IntentState
from qrsession.submission.opening import Entering
from qrsession.submission.patience import Patience
from qrsession.submission.submit import Sending, submit
from tests.conftest import settings_of
from tests.sample_circuits import BELL

PARAMS = {"pubs": [[BELL, None, 10]], "version": 2, "support_qiskit": True}
DATA = Path(__file__).parents[1] / "data"
LIMIT_S = 60.0
Send = Callable[[Call], Reply]


@pytest.fixture
def service(shared_home: Path) -> RuntimeService:
    """A service of the shared runtime."""
    assert shared_home.is_absolute()
    return RuntimeService("local")


@pytest.fixture
def opened(service: RuntimeService) -> "Callable[..., Session]":
    """A function that opens sessions with a budget."""

    def open_with(budget_s: int, kind: type[Session] = Batch) -> Session:
        entering = Entering(opened_by=COMMAND, budget_s=budget_s)
        session, entry = kind.entered(service, "aer_simulator", None, entering, Patience())
        assert entry.budget_s == budget_s
        return session

    return open_with


def request_in(session: Session, cost_s: int | None = None) -> JobRequest:
    return JobRequest(
        program_id="sampler",
        backend="aer_simulator",
        params=PARAMS,
        session_id=session.session_id,
        cost_s=cost_s,
    )


def budget_of(session: Session) -> Budget:
    budget = Purse(session.service.settings.state_dir, session.session_id).read()
    assert budget is not None
    return budget


def faulty(
    service: RuntimeService, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Send, Call], Reply]
) -> None:
    """Put a fault around submissions."""
    transport = service.client.transport
    send = transport.send
    monkeypatch.setattr(
        transport, "send", lambda call: fault(send, call) if call.creates else send(call)
    )


def ended(service: RuntimeService, job_id: str) -> RuntimeJob:
    job = service.job(job_id)
    job.wait_for_final_state(LIMIT_S)
    return job


def test_a_job_is_sent_with_what_was_reserved(
    service: RuntimeService, opened: Callable[..., Session]
) -> None:
    session = opened(100)
    explicit = submit(service, request_in(session, 7))
    assert budget_of(session).reserved_s == 7
    ended(service, explicit.job_id)
    capped = submit(service, request_in(session, 1000))
    assert [one.cost_s for one in budget_of(session).reservations] == [99]
    ended(service, capped.job_id)
    share = submit(service, request_in(session))
    assert [one.cost_s for one in budget_of(session).reservations] == [24]
    costs_s = [service.client.get_job(job.job_id).cost_s for job in (explicit, capped, share)]
    assert costs_s == [7, 99, 24]


def test_what_a_job_used_takes_the_place_of_its_reservation(
    service: RuntimeService, opened: Callable[..., Session]
) -> None:
    session = opened(100)
    job = ended(service, submit(service, request_in(session)).job_id)
    budget = budget_of(session)
    assert budget.reservations == ()
    assert budget.spent_s == job.usage() > 0


def test_nothing_is_sent_beyond_the_budget(
    service: RuntimeService, opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(5)
    Purse(service.settings.state_dir, session.session_id).change(
        lambda budget: (replace(budget, spent_s=4.5), None)
    )
    sent: list[Call] = []

    def note(send: Send, call: Call) -> Reply:
        sent.append(call)
        return send(call)

    faulty(service, monkeypatch, note)
    with pytest.raises(LimitReachedError, match=r"0\.5 s left"):
        submit(service, request_in(session))
    assert sent == []
    assert not [
        one for one in service.pending.intents.all() if one.session_id == session.session_id
    ]
    assert list(service.jobs(session_id=session.session_id)) == []


def test_the_library_is_held_to_it_too(
    service: RuntimeService, opened: Callable[..., Session]
) -> None:
    """A program that takes the session up by its id shares its budget; results settle it."""
    session = Batch.from_id(opened(12).session_id, service)
    first = session.submit("sampler", PARAMS, Options(max_execution_time=10))
    assert budget_of(session).reserved_s == 10
    assert first.result(decoder=str)
    # Nobody has asked for its usage yet: the next job that needs it does.
    second = session.submit("sampler", PARAMS, Options(max_execution_time=11))
    assert [one.cost_s for one in budget_of(session).reservations] == [11]
    assert ended(service, second.job_id()).usage() > 0
    assert budget_of(session).spent_s > 0


def test_a_dedicated_session_is_held_by_its_own_time(
    service: RuntimeService, opened: Callable[..., Session]
) -> None:
    """The service closes it where the budget ends, and its time is what it spends."""
    session = opened(30, Session)
    assert session.refresh().max_ttl_s == 30
    ended(service, submit(service, request_in(session)).job_id)
    began = session.refresh().started_at
    assert began is not None
    submit(service, request_in(session, 1000))
    (reservation,) = budget_of(session).reservations
    used_s = (datetime.now(UTC) - began).total_seconds()
    assert 30 - used_s - 2 < reservation.cost_s <= 30


def test_what_was_refused_is_given_back(
    service: RuntimeService, opened: Callable[..., Session]
) -> None:
    session = opened(100)
    wrong = replace(request_in(session), backend="ibm_nowhere", params=PARAMS)
    service.keep_documents(
        session.session_id, "ibm_nowhere", service.fetch_documents("aer_simulator")
    )
    with pytest.raises(RequestRefusedError):
        submit(service, wrong)
    assert budget_of(session).reservations == ()


def interrupt(_send: Send, _call: Call) -> Reply:
    """Be interrupted before anything was sent."""
    raise KeyboardInterrupt


def interrupt_after(send: Send, call: Call) -> Reply:
    """Be interrupted when all was done."""
    send(call)
    raise KeyboardInterrupt


@pytest.mark.parametrize(("fault", "is_sent"), [(interrupt, False), (interrupt_after, True)])
def test_a_reservation_outlives_its_command(
    service: RuntimeService,
    opened: Callable[..., Session],
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Send, Call], Reply],
    is_sent: bool,
) -> None:
    """It stays until it is known what came of the submission, and is settled accordingly."""
    session = opened(100)
    with monkeypatch.context() as patch:
        faulty(service, patch, fault)
        with pytest.raises(KeyboardInterrupt):
            submit(service, request_in(session, 60))
    (intent,) = [
        one for one in service.pending.intents.all() if one.session_id == session.session_id
    ]
    for job in service.jobs(session_id=session.session_id):
        ended(service, job.job_id())
    budget = reconcile(service, session.session_id)
    assert budget is not None
    if is_sent:
        assert (budget.reserved_s, budget.spent_s > 0) == (0, True)
    else:
        assert (budget.reserved_s, budget.spent_s) == (60, 0)
        # A later command has looked for it long enough.
        service.pending.intents.put(replace(intent, state=IntentState.NOT_SUBMITTED))
        budget = reconcile(service, session.session_id)
        assert budget == replace(budget_of(session), reservations=())
        assert budget_of(session).left_s() == 100
    service.pending.intents.drop(intent.tag)


def test_a_submission_in_doubt_keeps_its_reservation(
    service: RuntimeService, opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(100)

    def lose(_send: Send, _call: Call) -> Reply:
        raise ReplyLostError("lost")

    with monkeypatch.context() as patch:
        faulty(service, patch, lose)
        with pytest.raises(SubmissionUnknownError) as caught:
            submit(service, request_in(session, 60), Sending(patience=Patience(lost_s=0)))
    assert budget_of(session).reserved_s == 60
    budget = reconcile(service, session.session_id)
    assert budget is not None
    assert budget.reserved_s == 60
    service.pending.intents.drop(caught.value.details["tag"])


def test_the_same_key_reserves_once(
    service: RuntimeService, opened: Callable[..., Session]
) -> None:
    session = opened(100)
    sending = Sending(once="qrs-" + "a" * 26)
    first = submit(service, request_in(session, 60), sending)
    assert submit(service, request_in(session, 60), sending) == first
    assert budget_of(session).reserved_s == 60


def test_a_deleted_job_is_settled_by_what_was_kept(
    service: RuntimeService, opened: Callable[..., Session]
) -> None:
    session = opened(100)
    created = submit(service, request_in(session, 60))
    service.client.await_job_results(created.job_id)
    used_s = service.job(created.job_id).usage()
    service.records.settle_job(
        session.session_id, created.job_id, status="Completed", usage_s=used_s
    )
    service.client.delete_job(created.job_id)
    budget = reconcile(service, session.session_id)
    assert budget is not None
    assert (budget.reserved_s, budget.spent_s) == (0, used_s)


def test_a_session_that_ended_says_how_to_go_on(
    service: RuntimeService, opened: Callable[..., Session]
) -> None:
    session = opened(100)
    service.client.close_session(session.session_id)
    with pytest.raises(SessionClosedError) as caught:
        session.submit("sampler", PARAMS, Options())
    assert caught.value.advice == (
        "Open another one: qrsession open --local --backend aer_simulator --max-time 8h "
        "--mode batch --budget 100"
    )
    assert budget_of(session).reservations == ()
    session.close()
    with pytest.raises(SessionClosedError, match="closed") as again:
        session.submit("sampler", PARAMS, Options())
    assert again.value.advice == caught.value.advice


# On disk

REQUESTS = 12
PROCESSES = 8


def test_a_purse_of_version_1_loads_and_keeps_what_it_does_not_know(tmp_path: Path) -> None:
    session_id = "5a6d4397-42c6-4dc6-969a-b1c90286a715"
    purse = Purse(tmp_path, session_id)
    purse.open(Budget(session_id, "batch", 1))
    path = tmp_path / "budgets" / f"{session_id}.json"
    path.write_bytes((DATA / "budget-v1.json").read_bytes())
    budget = purse.read()
    assert budget is not None
    assert (budget.budget_s, budget.spent_s, budget.reserved_s) == (600, 12.5, 30)
    tag = budget.reservations[0].tag
    assert budget.reservations[0].created_at == datetime(
        2026, 1, 31, 12, 0, 59, 250_000, tzinfo=UTC
    )
    purse.change(lambda found: (found.settle(tag, 2.0), None))
    assert '"mood": "calm"' in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_purse_lets_nothing_through(tmp_path: Path) -> None:
    purse = Purse(tmp_path, "id")
    purse.open(Budget("id", "batch", 1))
    (tmp_path / "budgets" / "id.json").write_text('{"schema_version": 1, "session_id": "id"')
    with pytest.raises(StorageError, match="damaged"):
        purse.read()
    with pytest.raises(StorageError, match="damaged"):
        purse.change(lambda budget: (budget, None))


def test_a_planted_purse_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    target.write_bytes((DATA / "budget-v1.json").read_bytes())
    state = tmp_path / "state"
    purse = Purse(state, "id")
    purse.open(Budget("id", "batch", 1))
    path = state / "budgets" / "id.json"
    path.unlink()
    path.symlink_to(target)
    assert purse.exists()
    with pytest.raises(StorageError):
        purse.read()


def test_there_is_no_purse_without_a_budget(tmp_path: Path) -> None:
    purse = Purse(tmp_path, "id")
    assert not purse.exists()
    assert purse.read() is None
    assert purse.change(lambda budget: (budget, 1)) is None


def settled(tag: str, used_s: float, budget: Budget) -> tuple[Budget, None]:
    return budget.settle(tag, used_s), None


def spend(home: Path, number: int, log: Path) -> None:
    """Reserve and settle again and again, writing down what may be, and what was, spent."""
    purse = Purse(home, "id")
    ask = Ask(max_execution_time_s=7, estimate_s=1.0)
    for turn in range(REQUESTS):
        tag = f"{number}-{turn}"

        def take(budget: Budget, tag: str = tag) -> tuple[Budget, int]:
            try:
                return budget.reserve(tag, ask, datetime.now(UTC))
            except QrsessionError:
                return budget, 0

        cost_s = purse.change(take) or 0
        if cost_s:
            used_s = cost_s / 2 if turn % 2 else float(cost_s)
            with log.open("a") as file:
                file.write(f"{used_s}\n")
            purse.change(partial(settled, tag, used_s))


def test_many_processes_together_never_overshoot(tmp_path: Path) -> None:
    """Twelve times eight want seven seconds each of a hundred."""
    Purse(tmp_path, "id").open(Budget("id", "batch", 100))
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=spend, args=(tmp_path, number, log)) for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LIMIT_S)
        assert process.exitcode == 0
    spent_s = sum(map(float, log.read_text().split()))
    budget = Purse(tmp_path, "id").read()
    assert budget is not None
    assert budget.reservations == ()
    assert budget.spent_s == spent_s
    # All that could be used was: the next second is not there.
    assert 99 < spent_s <= 100


def test_old_budgets_are_pruned_with_their_sessions(tmp_path: Path) -> None:
    home = settings_of(tmp_path)
    purse = Purse(home.state_dir, "id")
    purse.open(Budget("id", "batch", 1))
    Ledger(home, now=lambda: datetime.now(UTC) + timedelta(days=89)).history.prune()
    assert purse.exists()
    Ledger(home, now=lambda: datetime.now(UTC) + timedelta(days=91)).history.prune()
    assert not purse.exists()
