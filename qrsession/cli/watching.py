"""Looking at sessions again and again: in place on a terminal, or as events."""

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import typer

from qrsession.cli.context import Context
from qrsession.errors import (
    LimitReachedError,
    QrsessionError,
    ServiceUnavailableError,
    WaitTimeoutError,
)
from qrsession.render.output import Output
from qrsession.render.terminal import Style
from qrsession.render.watch import LiveView
from qrsession.waiting.events import JobStatusSeen, Note, NoteKind, SessionStateSeen
from qrsession.waiting.single import PATIENCE_S, Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from qrsession.cli.status import View

_PAUSE_S = 2.0
_INTERRUPTED = 130


def watch(context: Context, view: "View", look: "Callable[[], View]", deadline: Deadline) -> None:
    """Show a view, and look again every two seconds until all that is seen is closed.

    A service that is out of reach is told of once, and what was seen last stays.

    Raises:
        WaitTimeoutError: The time ran out; the sessions go on.
        ServiceUnavailableError: A service stayed out of reach for a day.
        typer.Exit: A person had seen enough.
    """
    events = _Events(context.output)
    try:
        with nullcontext() if context.output.mode.json else LiveView(context.output) as drawn:
            place = _Screen(context.output, drawn)
            place.show(view)
            events.tell(view)
            while view.open_sessions:
                if deadline.left_s <= 0:
                    raise _timed_out(view, deadline)
                time.sleep(min(_PAUSE_S, deadline.left_s))
                seen = _look(look, events, place, view)
                if seen is not None:
                    view = seen
                    place.show(view)
                    events.tell(view)
    except KeyboardInterrupt as end:
        if type(end) is KeyboardInterrupt and not context.output.mode.json:
            # Who watches ends it so: that is no error, and needs no words.
            raise typer.Exit(_INTERRUPTED) from None
        raise
    if context.output.mode.json:
        context.show(view.data, view.text)


def _look(
    look: "Callable[[], View]", events: "_Events", place: "_Screen", before: "View"
) -> "View | None":
    """Look again; None where the service is out of reach."""
    try:
        view = look()
    except (ServiceUnavailableError, LimitReachedError) as error:
        is_limit = isinstance(error, LimitReachedError)
        if is_limit and error.details.get("http_status") != HTTPStatus.TOO_MANY_REQUESTS:
            raise
        if events.lose(error):
            place.note(f"{error.message.rstrip('.')}; this is what was seen last.", before)
        return None
    if events.regain():
        place.note("The service answers again.", None)
    return view


def _timed_out(view: "View", deadline: Deadline) -> WaitTimeoutError:
    left = view.open_sessions
    after = f"after {deadline.whole_s:g} s"
    if len(view.sessions) == 1:
        return WaitTimeoutError(
            f"The session {left[0].name} is still {left[0].state} {after}.",
            advice=f"Look again: qrsession status {left[0].name} --watch",
            details={"session_id": left[0].session_id, "state": left[0].state},
        )
    return WaitTimeoutError(
        f"{len(left)} of {len(view.sessions)} sessions are not closed {after}.",
        advice="Look again: qrsession status --all --watch",
        details={"session_ids": [one.session_id for one in left]},
    )


class _Screen:
    """Where a view is drawn: nowhere with ``--events``."""

    def __init__(self, output: Output, watch: LiveView | None) -> None:
        self._output = output
        self._watch = watch

    def show(self, view: "View") -> None:
        """Draw a view."""
        if self._watch is not None:
            self._watch.draw(view.text(self._watch.look_around()))

    def note(self, sentence: str, view: "View | None") -> None:
        """Say a sentence: above the view where that is drawn in place, else on stderr."""
        if self._watch is None or not self._output.terminal.is_terminal:
            self._output.say(sentence)
        elif view is not None:
            terminal = self._watch.look_around()
            # Above it, for the end of a long view is cut off.
            self._watch.draw(f"{terminal.paint(sentence, Style.WARNING)}\n\n{view.text(terminal)}")


@dataclass(slots=True)
class _Events:
    """What was told of sessions and jobs so far, so that only changes are."""

    output: Output
    told: dict[str, str] = field(default_factory=dict)
    outage: Deadline | None = None

    def tell(self, view: "View") -> None:
        """Tell what has changed."""
        for session in view.sessions:
            before = self._changed(session.session_id, session.state)
            if before != session.state:
                self.output.event(
                    SessionStateSeen(
                        session.session_id,
                        session.name,
                        before,
                        session.state,
                        session.accepting_jobs,
                    )
                )
        for job in reversed(view.jobs):
            before = self._changed(job.job_id, job.status)
            if before != job.status:
                seen = JobStatusSeen(
                    job.job_id, job.session_id, before, job.status, job.reason, job.reason_code
                )
                self.output.event(seen)

    def lose(self, error: QrsessionError) -> bool:
        """Note that the service is out of reach; return whether that is news."""
        is_news = self.outage is None
        if self.outage is None:
            self.outage = Deadline(PATIENCE_S)
            self.output.event(Note(NoteKind.SERVICE_LOST, error.message))
        if self.outage.left_s <= 0:
            raise error
        return is_news

    def regain(self) -> bool:
        """Note that the service answers; return whether that is news."""
        was_lost, self.outage = self.outage is not None, None
        if was_lost:
            self.output.event(Note.back())
        return was_lost

    def _changed(self, key: str, state: str) -> str | None:
        before = self.told.get(key)
        self.told[key] = state
        return before
