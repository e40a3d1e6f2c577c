"""Closing several sessions: one that cannot be closed keeps none of the others open."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qrsession.closing.close import close, wait_until_closed
from qrsession.errors import QrsessionError, WaitTimeoutError
from qrsession.names import joint_failure
from qrsession.state.entries import SessionEntry
from qrsession.verbs.reports import SessionReport

if TYPE_CHECKING:
    from qrsession.verbs.workspace import Workspace
    from qrsession.waiting.single import Deadline


@dataclass(slots=True)
class Closings:
    """What became of sessions that were to be closed.

    Attributes:
        reports: Those that were closed, in order.
        failures: The names of the others, and why.
        undrained: The names of those closed ones that had not drained in time, and what says so.
    """

    reports: list[SessionReport] = field(default_factory=list)
    failures: list[tuple[str, QrsessionError]] = field(default_factory=list)
    undrained: list[tuple[str, WaitTimeoutError]] = field(default_factory=list)

    def add(self, others: "Closings") -> None:
        """Take what became of others into account."""
        self.reports += others.reports
        self.failures += others.failures

    def wait(self, workspace: "Workspace", deadline: "Deadline") -> None:
        """Wait until those that were closed have drained, all of them until the same time.

        Raises:
            WaitInterruptedError: The user interrupted the waiting; they drain on.
        """
        for index, report in enumerate(self.reports):
            try:
                self.reports[index] = wait_until_closed(workspace, report, deadline)
            except WaitTimeoutError as error:
                self.undrained.append((report.name, error))

    def raise_failures(self) -> None:
        """Raise where one could not be closed, or else had not drained in time.

        Raises:
            QrsessionError: The first failure, which names the others. ``details`` has ``closed``
                and ``not_closed``, names both.
            WaitTimeoutError: All are closed, and some drain. ``details`` has their names as
                ``not_drained``.
        """
        if not self.failures:
            self._raise_undrained()
            return
        error = joint_failure("Not closed", self.failures, is_part=bool(self.reports))
        error.details["closed"] = [report.name for report in self.reports]
        error.details["not_closed"] = [name for name, _ in self.failures]
        raise error from self.failures[0][1]

    def _raise_undrained(self) -> None:
        if not self.undrained:
            return
        error = joint_failure("Not drained", self.undrained, is_part=False)
        error.details["not_drained"] = [name for name, _ in self.undrained]
        raise error from self.undrained[0][1]


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
