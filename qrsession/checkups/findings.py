"""What was found: a line for each check, in groups, and what it all comes to."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qrsession.errors import QrsessionError, StorageError
from qrsession.names import listed

_MOST_NAMES = 6


class Status(StrEnum):
    """How a check came out. A warning is something to know; what failed keeps commands back."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: What was looked at.
        status: How it came out.
        message: What was found.
        advice: What to do about it. Where it failed, or warns, there is one.
        kind: The error that commands run into, where it failed.
    """

    name: str
    status: Status
    message: str
    advice: str = ""
    kind: type[QrsessionError] | None = None

    @property
    def verdict(self) -> str:
        """How it came out, as a word."""
        return self.status.value


@dataclass(frozen=True)
class Group:
    """Findings that belong together."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """All that was found, in the order in which it is shown."""

    groups: tuple[Group, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all groups."""
        return tuple(finding for group in self.groups for finding in group.findings)

    def counts(self) -> dict[Status, int]:
        """Return how many came out how."""
        found = Counter(finding.status for finding in self.findings)
        return {status: found[status] for status in Status}

    def document(self) -> dict[str, Any]:
        """Return what the envelope says."""
        return {
            "checks": [
                {
                    "group": group.title,
                    "name": finding.name,
                    "status": finding.status.value,
                    "message": finding.message,
                    "advice": finding.advice,
                }
                for group in self.groups
                for finding in group.findings
            ]
        }

    @property
    def error(self) -> QrsessionError | None:
        """What `doctor` fails with, None where nothing failed.

        It is of the kind of the first check that failed, and so is the exit code: what stands
        first keeps back what comes after.
        """
        failures = [one for one in self.findings if one.status is Status.FAILED]
        if not failures:
            return None
        first = failures[0]
        checks = "One check" if len(failures) == 1 else f"{len(failures)} checks"
        names = listed([one.name for one in failures], _MOST_NAMES)
        return (first.kind or StorageError)(
            f"{checks} failed: {names}. {first.message}",
            advice=first.advice,
            # So that a program which is told of the failure is told of all that was found.
            details=self.document(),
        )


def ok(name: str, message: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(name, Status.OK, message)


def warning(name: str, message: str, advice: str) -> Finding:
    """Return the finding that something works, and may not be what the user thinks it is."""
    return Finding(name, Status.WARNING, message, advice)


def failed(
    name: str, message: str, advice: str, kind: type[QrsessionError] = StorageError
) -> Finding:
    """Return the finding that something is wrong, and the kind of error that comes of it."""
    return Finding(name, Status.FAILED, message, advice, kind)


def failed_with(name: str, error: QrsessionError) -> Finding:
    """Return the finding that something raised an error of ours."""
    advice = error.advice or type(error).default_advice
    return Finding(name, Status.FAILED, error.message, advice, type(error))


def skipped(name: str, message: str, advice: str = "") -> Finding:
    """Return the finding that something was not looked at, and why."""
    return Finding(name, Status.SKIPPED, message, advice)


def look(name: str, check: Callable[[], Finding | Iterable[Finding]]) -> Iterator[Finding]:
    """Make a check, and give what it found; what it raises is a finding too."""
    try:
        found = check()
        yield from (found,) if isinstance(found, Finding) else tuple(found)
    except QrsessionError as error:
        yield failed_with(name, error)
    except Exception as error:  # noqa: BLE001 - a fault in one check must not hide the others
        yield failed(
            name,
            f"It could not be looked at: {type(error).__name__}: {error}",
            QrsessionError.default_advice,
            QrsessionError,
        )
