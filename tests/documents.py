"""Documents of devices: the snapshots that IBM's client carries."""

import functools
import json
from pathlib import Path
from typing import Any

import qiskit_ibm_runtime

from qrsession.backend import Backend

SNAPSHOTS = Path(qiskit_ibm_runtime.__file__).parent / "fake_provider" / "backends"
Document = dict[str, Any]


def parsed(machine: str) -> tuple[Document, Document]:
    """Return the configuration and the properties of a device, fresh for changing."""
    folder = SNAPSHOTS / machine
    return (
        json.loads((folder / f"conf_{machine}.json").read_text()),
        json.loads((folder / f"props_{machine}.json").read_text()),
    )


@functools.cache
def backend_of(machine: str, *, use_fractional_gates: bool | None = False) -> Backend:
    """Return a device as a backend; not for changing."""
    return Backend(*parsed(machine), use_fractional_gates=use_fractional_gates)
