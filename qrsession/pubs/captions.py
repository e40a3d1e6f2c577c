"""What the points and values of a result are of, which no service says. Standard library only.

A result has arrays, and not the values of parameters and the observables that they belong to. So
these are kept beside it from the moment at which the job is submitted.
"""

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import as_object, required
from qrsession.pubs.values import ParameterValues

_VERSION = 1


@dataclass(frozen=True)
class Caption:
    """What one pub is of.

    Attributes:
        file: The circuit's file, as the user named it.
        values: The values of its parameters, at every point of the sweep.
        observables: What was estimated, as the user wrote it, in order; empty for a sampler.
        has_observable_axis: Whether the first axis of the estimates runs over the observables; the
            axes of the sweep follow it.
    """

    file: str
    values: ParameterValues = field(default_factory=ParameterValues)
    observables: tuple[str, ...] = ()
    has_observable_axis: bool = False

    @property
    def says_something(self) -> bool:
        """Whether it says more than the file's name."""
        return bool(self.values) or bool(self.observables)


def write_captions(captions: Sequence[Caption]) -> bytes:
    """Write the captions of a job's pubs, in order."""
    return json.dumps({"version": _VERSION, "pubs": [_record(one) for one in captions]}).encode()


def read_captions(data: bytes) -> list[Caption]:
    """Read the captions of a job's pubs.

    Raises:
        WireFormatError: They are damaged, or of another version.
    """
    try:
        document = as_object(json.loads(data), "Captions")
    except (ValueError, RecursionError):
        raise WireFormatError("The captions are no JSON.") from None
    if document.get("version") != _VERSION:
        raise WireFormatError("The captions are of another version.")
    return [_read(as_object(one, "A caption")) for one in required(document, "pubs", list)]


def _record(caption: Caption) -> dict[str, Any]:
    columns = {name: list(column) for name, column in caption.values.columns.items()}
    return {
        "file": caption.file,
        "values": columns,
        "shape": list(caption.values.shape),
        "observables": list(caption.observables),
        "has_observable_axis": caption.has_observable_axis,
    }


def _read(record: dict[str, Any]) -> Caption:
    try:
        columns = {name: array("d", column) for name, column in record["values"].items()}
        values = ParameterValues(columns, tuple(record["shape"]))
        if any(len(column) != values.num_points for column in columns.values()):
            raise WireFormatError("A caption has not as many values as points.")
        return Caption(
            file=str(record["file"]),
            values=values,
            observables=tuple(str(one) for one in record["observables"]),
            has_observable_axis=bool(record["has_observable_axis"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        raise WireFormatError("A caption is damaged.") from None
