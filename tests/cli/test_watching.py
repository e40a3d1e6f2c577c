"""Looking at sessions again and again, while their service goes away and comes back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import typer

from qrsession.cli import watching
from qrsession.cli.context import Context
from qrsession.cli.status import View
from qrsession.cli.watching import watch
from qrsession.errors import LimitReachedError, ServiceUnavailableError, WaitTimeoutError
from qrsession.render.output import Mode, Output
from qrsession.settings import Settings
from qrsession.verbs.reports import JobReport, SessionReport
from qrsession.waiting.events import Note, NoteKind, SessionStateSeen, read_event
from qrsession.waiting.single import Deadline

pytestmark = pytest.mark.fast

Act = View | BaseException


def view(state: str) -> View:
    opened_at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    session = SessionReport(
        *("otter", "s1", "b", "batch", "local", None, state, True, None, None, None), opened_at
    )
    job = JobReport("j1", "s1", "b", "sampler", "Queued", None)
    data = {"sessions": [session.document()], "warnings": []}
    return View(data, lambda _terminal: f"{state}\n", [session], [job])


def looks(*acts: Act) -> Callable[[], View]:
    """Return what plays one act after another."""
    left = list(acts)

    def look() -> View:
        act = left.pop(0)
        if isinstance(act, BaseException):
            raise act
        return act

    return look


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_PAUSE_S", 0.0)


def context_of(*, events: bool = False) -> Context:
    return Context("status", Settings.from_environ(), Output(Mode(json=events, events=events)))


DOWN = ServiceUnavailableError("No connection.")
LIMITED = LimitReachedError("Too many requests.", details={"http_status": 429})


def test_an_outage_is_said_once_and_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    acts = looks(DOWN, DOWN, LIMITED, view("active"), DOWN, view("closed"))
    watch(context_of(), view("open"), acts, Deadline(None))
    out, err = capsys.readouterr()
    assert out == "open\nactive\nclosed\n"
    lost, back = "No connection; this is what was seen last.\n", "The service answers again.\n"
    assert err == lost + back + lost + back


def test_events_tell_each_change_once(capsys: pytest.CaptureFixture[str]) -> None:
    acts = looks(view("open"), DOWN, view("active"), view("closed"))
    watch(context_of(events=True), view("open"), acts, Deadline(None))
    *lines, envelope = map(json.loads, capsys.readouterr().out.splitlines())
    events = [read_event(line) for line in lines]
    states = [(e.before, e.after) for e in events if isinstance(e, SessionStateSeen)]
    assert states == [(None, "open"), ("open", "active"), ("active", "closed")]
    kinds = [event.kind for event in events if isinstance(event, Note)]
    assert kinds == [NoteKind.SERVICE_LOST, NoteKind.SERVICE_BACK]
    assert [session["state"] for session in envelope["data"]["sessions"]] == ["closed"]


def test_the_end_of_the_time_is_an_error_of_its_own() -> None:
    now_s = [0.0]

    def look() -> View:
        now_s[0] += 4
        return view("active")

    with pytest.raises(WaitTimeoutError, match="otter is still active after 10 s") as caught:
        watch(context_of(), view("open"), look, Deadline(10, lambda: now_s[0]))
    assert now_s == [12.0]
    assert caught.value.advice == "Look again: qrsession status otter --watch"


def test_who_ends_it_is_told_nothing_but_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        watch(context_of(), view("open"), looks(KeyboardInterrupt()), Deadline(None))
    assert (caught.value.exit_code, capsys.readouterr().err) == (130, "")
    with pytest.raises(KeyboardInterrupt):
        watch(context_of(events=True), view("open"), looks(KeyboardInterrupt()), Deadline(None))


def test_a_limit_that_is_no_rate_ends_it() -> None:
    limit = LimitReachedError("All is used up.", details={"http_status": 409})
    with pytest.raises(LimitReachedError):
        watch(context_of(), view("open"), looks(limit), Deadline(None))
