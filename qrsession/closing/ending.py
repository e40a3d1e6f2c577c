"""The end of a session that was opened for a command: closed for certain, or kept to be closed.

What `exec` does when its command has ended, without what it prints.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import FrameType

from qrsession.closing.close import close
from qrsession.errors import QrsessionError, SessionNotFoundError, StorageError
from qrsession.protocol.status import SessionState
from qrsession.state.entries import SessionEntry
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace

_RETRY_S = 1.0
# However short a time is given, the close is tried once, and that may take a while.
LEAST_S = 5.0
_INTERRUPTED = "it was interrupted."


@dataclass(frozen=True)
class Ending:
    """What became of the close of a session.

    Attributes:
        report: The session, as far as is known.
        is_closed: Whether the service has taken the close.
        trouble: Why it has not, a sentence.
    """

    report: SessionReport
    is_closed: bool
    trouble: str = ""


class _TimeUpError(BaseException):
    """The time for a close is up, whatever it waits for."""


class Closer:
    """Closes one session, for as long as it may take.

    Args:
        workspace: The user's sessions.
        entry: The session, as it was entered into the ledger.
        cancel: Whether its queued jobs are dropped.
        clock: Returns seconds that only grow.
        sleep: How to wait between tries.
    """

    def __init__(
        self,
        workspace: Workspace,
        entry: SessionEntry,
        *,
        cancel: bool,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._workspace = workspace
        self._entry = entry
        self._cancel = cancel
        self._clock = clock
        self._sleep = sleep

    def close(self, limit_s: float) -> Ending:
        """Try to close it for so long. Where that is in vain, the next command closes it."""
        ends_at_s = self._clock() + limit_s
        trouble = "its service did not answer in time."
        with suppress(_TimeUpError), _time_limit(max(limit_s, LEAST_S)):
            while True:
                try:
                    return Ending(self._try_to_close(), is_closed=True)
                except SessionNotFoundError:
                    # None is open, and that was said.
                    return Ending(self._closed_report(), is_closed=True)
                except QrsessionError as error:
                    trouble = error.message
                if self._clock() >= ends_at_s:
                    break
                self._sleep(_RETRY_S)
        return self._keep(trouble)

    def abandon(self) -> Ending:
        """Leave the close to the next command, after it was interrupted."""
        return self._keep(_INTERRUPTED)

    def _keep(self, trouble: str) -> Ending:
        from qrsession.state.pending import Pending  # noqa: PLC0415 - as above
        from qrsession.submission.opening import keep_close  # noqa: PLC0415 - seldom needed

        entry = self._known()
        if entry.state == SessionState.CLOSED:
            return Ending(SessionReport.of(entry, self._workspace.now()), is_closed=True)
        try:
            keep_close(
                Pending(self._workspace.settings.state_dir),
                entry.session_id,
                account=entry.account,
                instance=entry.instance,
                cancel=self._cancel,
            )
        except StorageError as error:
            trouble = f"{trouble} Nor can that be kept for the next command: {error.message}"
        return Ending(
            SessionReport.of(entry, self._workspace.now()), is_closed=False, trouble=trouble
        )

    def _try_to_close(self) -> SessionReport:
        entry = self._known()
        try:
            return close(self._workspace, entry, cancel=self._cancel)
        except StorageError as error:
            # The ledger cannot be written. What counts is what the service says.
            return self._without_ledger(entry, error)

    def _without_ledger(self, entry: SessionEntry, error: StorageError) -> SessionReport:
        from qrsession.submission.opening import close_session, seen  # noqa: PLC0415 - as above

        service = self._workspace.service_of(entry)
        close_session(service, entry.session_id, cancel=self._cancel)
        record = service.client.get_session(entry.session_id)
        self._workspace.warn(f"The session is closed; the ledger does not have it: {error.message}")
        return self._workspace.report(seen(entry, record, self._workspace.now()), record, service)

    def _known(self) -> SessionEntry:
        """Return what is known of it now: the command may have closed it, or lost the ledger."""
        with suppress(QrsessionError):
            return self._workspace.find_any(self._entry.session_id, interactive=False)
        return self._entry

    def _closed_report(self) -> SessionReport:
        report = SessionReport.of(self._entry, self._workspace.now())
        return replace(report, state=SessionState.CLOSED, accepting_jobs=False)


def still_open_text(ending: Ending, *, is_watched: bool) -> str:
    """Say what is open, until when, and who closes it."""
    session = ending.report
    if session.time_left_s is not None:
        until = f"for {round(session.time_left_s)} s more"
    else:
        until = "until its maximum time is up"
        if session.max_time_s is not None:
            until += f", {session.max_time_s} s after its first job"
    tried = "It is tried again in the background" if is_watched else "The next command tries again"
    return (
        f"The session {session.name} ({session.session_id}) could not be closed: {ending.trouble} "
        f"It stays open {until}. {tried}, or close it: qrsession close {session.session_id}"
    )


@contextmanager
def _time_limit(limit_s: float) -> Iterator[None]:
    """Raise once the time is up, out of whatever goes on then."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        raise _TimeUpError

    before = signal.signal(signal.SIGALRM, end)
    # Again and again: one that comes while an object is cleaned up is lost.
    signal.setitimer(signal.ITIMER_REAL, limit_s, _RETRY_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
