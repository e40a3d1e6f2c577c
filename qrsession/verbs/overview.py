"""All sessions that may cost something: the ledger's, and those that nobody here knows for sure."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qrsession.closing.forgotten import Ages
from qrsession.closing.tidying import Judged, judge
from qrsession.errors import QrsessionError
from qrsession.protocol.status import SessionMode
from qrsession.state.entries import LIBRARY, SessionEntry
from qrsession.state.pending import Opening, Pending
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.protocol.models import Workload
    from qrsession.service import RuntimeService

CLOSE_PENDING = "close not sent yet"
OF_A_PROGRAM = "opened by a program"
LOOKS_FORGOTTEN = "looks forgotten"
PERHAPS_OURS = "perhaps ours: its reply was lost"
REPLY_LOST = "reply lost; not seen since"
NOT_OF_THIS_LEDGER = "not of this ledger"


@dataclass(frozen=True)
class Stranger:
    """A session that is, or may be, open without being in the ledger.

    Attributes:
        session_id: Its id; None where a session may have been opened that was not seen since.
        backend: Its backend.
        mode: ``dedicated`` or ``batch``.
        account: The account that it belongs to.
        created: When it was opened, or was to be, UTC.
        note: Why it is listed.
    """

    session_id: str | None
    backend: str | None
    mode: str
    account: str
    created: datetime | None
    note: str

    def document(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Listed:
    """A session of the ledger, what is to be said of it, and why it looks forgotten if it does."""

    report: SessionReport
    note: str | None = None
    reasons: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the session's fields, and these."""
        return {
            **self.report.document(),
            "note": self.note,
            "looks_forgotten": bool(self.reasons),
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True)
class Overview:
    """The sessions of the ledger, each with a note where there is one, and the others."""

    sessions: tuple[Listed, ...]
    strangers: tuple[Stranger, ...]
    current: str | None

    def document(self) -> dict[str, Any]:
        """Return what the envelope has."""
        return {
            "sessions": [listed.document() for listed in self.sessions],
            "strangers": [stranger.document() for stranger in self.strangers],
        }


def survey(workspace: Workspace, *, account: str | None, remote: bool) -> Overview:
    """Look at all sessions.

    Args:
        workspace: The user's sessions.
        account: The account that is asked for strangers; None: by precedence.
        remote: Whether to list all open sessions of that account, known here or not.
    """
    pending = Pending(workspace.settings.state_dir)
    for name in {entry.account for entry in workspace.ledger.read().sessions.values()}:
        # First what was left undone is seen to, for it may change the ledger.
        with suppress(QrsessionError):
            workspace.service(name)
    closing = {entry.session_id for entry in pending.closings.all()}
    view = workspace.ledger.read()
    sessions = [_listed(workspace, entry, closing) for entry in view.sessions.values()]
    strangers = list(_unseen(workspace, pending.openings.all()))
    if remote:
        known = {entry.session_id for entry in view.sessions.values()}
        known |= {stranger.session_id for stranger in strangers if stranger.session_id}
        strangers += _remote(workspace.service(account), known)
    return Overview(tuple(sessions), tuple(strangers), view.current)


def listed_as_forgotten(judged: Judged) -> Listed:
    """Return what a list says of a session that looks forgotten."""
    note = f"{LOOKS_FORGOTTEN}: {', '.join(judged.reasons)}"
    return Listed(judged.report, note, judged.reasons)


def _listed(workspace: Workspace, entry: SessionEntry, closing: set[str]) -> Listed:
    report = workspace.look_or_recall(entry)
    if entry.session_id in closing:
        return Listed(report, CLOSE_PENDING)
    judged = judge(workspace, entry, report, Ages())
    if judged.reasons:
        return listed_as_forgotten(judged)
    notes = [OF_A_PROGRAM] if entry.opened_by == LIBRARY else []
    notes += [f"closes with {entry.closes_with}"] if entry.closes_with is not None else []
    return Listed(report, "; ".join(notes) or None)


def _unseen(workspace: Workspace, openings: Iterable[Opening]) -> Iterable[Stranger]:
    for opening in openings:
        if opening.may_be_at_work(workspace.now()):
            continue
        candidates: list[Workload] = []
        with suppress(QrsessionError):
            candidates = workspace.settler(opening.account).perhaps_of(opening)
        for workload in candidates:
            yield _stranger_of(workload, opening.account, PERHAPS_OURS)
        if not candidates:
            yield Stranger(
                session_id=None,
                backend=opening.backend,
                mode=opening.mode,
                account=opening.account,
                created=opening.created_at,
                note=REPLY_LOST,
            )


def _remote(service: "RuntimeService", known: set[str]) -> Iterable[Stranger]:
    for mode in SessionMode:
        for workload in service.client.list_workloads(mode):
            if not workload.is_over and workload.workload_id not in known:
                yield _stranger_of(workload, service.account.name, NOT_OF_THIS_LEDGER)


def _stranger_of(workload: "Workload", account: str, note: str) -> Stranger:
    return Stranger(
        session_id=workload.workload_id,
        backend=workload.backend,
        mode=workload.session_mode,
        account=account,
        created=workload.created,
        note=note,
    )
