"""What is said of backends, and whether they run jobs: for a while, or until it is changed.

::

    [[backends]]
    name = "ibm_*"          # by default all of them
    status = "offline"
    reason = "Calibration"
    for_s = 30

    [[backends]]
    name = "aer_simulator"
    queue_length = 12
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qrsession.local.scenario.reading import missing
from qrsession.protocol.options import Field, Table, check_options

_LONGEST_S = 86_400
_LONGEST_QUEUE = 2**31 - 1


class BackendState(StrEnum):
    """Whether a backend takes jobs and runs them.

    ONLINE does both. PAUSED and INTERNAL take jobs, which wait. OFFLINE refuses new ones, and those
    that it has wait.
    """

    ONLINE = "online"
    PAUSED = "paused"
    INTERNAL = "internal"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class BackendRule:
    """What is to be said of some backends. For each fact the first rule that has it decides.

    Attributes:
        name: Their names; ``*`` and ``?`` stand for others.
        status: Whether they take jobs and run them; None where this is not about that.
        reason: Why, in the words that clients are told.
        queue_length: How many jobs are said to wait, in place of those that do; None likewise.
        for_s: How long this holds; None for as long as the scenario plays.
    """

    name: str = "*"
    status: BackendState | None = None
    reason: str | None = None
    queue_length: int | None = None
    for_s: float | None = None

    def to_document(self) -> dict[str, Any]:
        """Write the rule as it would be given."""
        named = ("name", "status", "reason", "queue_length", "for_s")
        return {name: getattr(self, name) for name in named if getattr(self, name) is not None}


_FIELDS: Table = {
    "name": Field(str),
    "status": Field(str, choices=tuple(BackendState)),
    "reason": Field(str),
    "queue_length": Field(int, low=0, high=_LONGEST_QUEUE),
    "for_s": Field(float, low=0, above=True, high=_LONGEST_S),
}


def read_backend_rule(entry: Mapping[str, Any], path: str) -> BackendRule:
    """Read one rule.

    Raises:
        InvalidValueError: A field is unknown or out of bounds, or it says nothing.
        InvalidTypeError: A field has the wrong type.
    """
    check_options(entry, _FIELDS, path)
    if "status" not in entry and ("reason" in entry or "queue_length" not in entry):
        raise missing(path, "status")
    fields = dict(entry)
    if "status" in fields:
        fields["status"] = BackendState(fields["status"])
    return BackendRule(**fields)
