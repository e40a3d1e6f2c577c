"""Closing several sessions: one that cannot be closed keeps none of the others open."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qrsession.closing import close
from qrsession.entries import SessionEntry
from qrsession.errors import QrsessionError
from qrsession.names import listed
from qrsession.reports import SessionReport

if TYPE_CHECKING:
    from qrsession.workspace import Workspace

_MOST_NAMES = 8


@dataclass(slots=True)
class Closings:
    """What became of sessions that were to be closed.

    Attributes:
        reports: Those that were closed, in order.
        failures: The names of the others, and why.
    """

    reports: list[SessionReport] = field(default_factory=list)
    failures: list[tuple[str, QrsessionError]] = field(default_factory=list)

    def add(self, others: "Closings") -> None:
        """Take what became of others into account."""
        self.reports += others.reports
        self.failures += others.failures

    def raise_failures(self) -> None:
        """Raise where one could not be closed.

        Raises:
            QrsessionError: The first failure, which names the others. ``details`` has ``closed``
                and ``not_closed``, names both.
        """
        if not self.failures:
            return
        (_, first), *others = self.failures
        names = [name for name, _ in self.failures]
        message = first.message
        if others:
            message = f"Not closed are {listed(names, _MOST_NAMES)}. {message}"
        closed = [report.name for report in self.reports]
        details = {**first.details, "closed": closed, "not_closed": names}
        raise type(first)(message, advice=first.advice, details=details) from first


def close_each(
    workspace: "Workspace", entries: Iterable[SessionEntry], *, cancel: bool = False
) -> Closings:
    """Close sessions, whatever becomes of any one of them."""
    closings = Closings()
    for entry in entries:
        try:
            closings.reports.append(close(workspace, entry, cancel=cancel))
        except QrsessionError as error:
            closings.failures.append((entry.name, error))
    return closings
