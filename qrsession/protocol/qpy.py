"""The header of QPY, Qiskit's binary form of circuits, read without Qiskit.

A file of 350 bytes can claim ten million qubits, which aborts the process inside Qiskit, and
formats below 13 let the file choose names of Qiskit to call; so both are refused here first.
Source: "QPY Format" in Qiskit's API reference.
"""

import struct
from dataclasses import dataclass

from qrsession.errors import CircuitError
from qrsession.protocol.bounds import MOST_CLBITS

MAGIC = b"QISKIT"
OLDEST_VERSION = 13
# The newest that IBM's service reads, by qiskit-ibm-runtime 0.51.
NEWEST_SERVICE_VERSION = 17
# More than any device or simulator method takes; a claim beyond it is an accident or an attack.
MOST_QUBITS = 10_000
MOST_CIRCUITS = 100_000

# Version from which a table of offsets stands before the circuits.
_TABLE_VERSION = 16
_FILE_HEADER = struct.Struct("!6sBBBBQc")
_OFFSET = struct.Struct("!Q")
_CIRCUIT_HEADER = struct.Struct("!H1cHIIQIQI")


@dataclass(frozen=True)
class QpyHeader:
    """What the beginning of a QPY file tells.

    Attributes:
        version: Of the format.
        num_circuits: How many circuits it holds.
        num_qubits: Qubits of the first one.
        num_clbits: Classical bits of the first one.
        qiskit_version: Of the Qiskit that wrote it: major, minor, patch.
    """

    version: int
    num_circuits: int
    num_qubits: int
    num_clbits: int
    qiskit_version: tuple[int, int, int]


def read_header(data: bytes, newest_version: int, most_circuits: int = MOST_CIRCUITS) -> QpyHeader:
    """Read the header, and hold the counts that it claims against what can be.

    Before version 16 only the first circuit can be found without reading it.

    Raises:
        CircuitError: The version is not between 13 and ``newest_version``, or a count is beyond
            its bound.
    """
    if len(data) < _FILE_HEADER.size + 1 or not data.startswith(MAGIC):
        raise CircuitError("The data is not QPY.")
    _, version, major, minor, patch, num_circuits, _ = _FILE_HEADER.unpack_from(data)
    if not OLDEST_VERSION <= version <= newest_version:
        raise CircuitError(
            f"The QPY data is of version {version}; versions {OLDEST_VERSION} to "
            f"{newest_version} can be read.",
            advice="Write it again with a Qiskit of version 1.3 or later, or read it with a newer.",
        )
    if not 0 < num_circuits <= min(most_circuits, len(data)):
        raise CircuitError(
            f"The QPY data claims to hold {num_circuits} circuits; 1 to {most_circuits} are taken."
        )
    widths = [
        _check_circuit(data, offset) for offset in _circuit_offsets(data, version, num_circuits)
    ]
    return QpyHeader(version, num_circuits, *widths[0], (major, minor, patch))


def _check_circuit(data: bytes, offset: int) -> tuple[int, int]:
    """Return how many qubits and bits a circuit claims to have."""
    if offset + _CIRCUIT_HEADER.size > len(data):
        raise CircuitError("The QPY data is cut off.")
    _, _, _, num_qubits, num_clbits, *sizes = _CIRCUIT_HEADER.unpack_from(data, offset)
    if num_qubits > MOST_QUBITS or num_clbits > MOST_CLBITS:
        raise CircuitError(
            f"The QPY data claims a circuit of {num_qubits} qubits and {num_clbits} bits; "
            f"at most {MOST_QUBITS} and {MOST_CLBITS} are taken."
        )
    if max(sizes) > len(data):
        # Metadata, registers, instructions and variables take a byte each at least.
        raise CircuitError("The QPY data claims a circuit that it has no room for.")
    return num_qubits, num_clbits


def _circuit_offsets(data: bytes, version: int, num_circuits: int) -> list[int]:
    """Return where circuits start; before version 16 only where the first one does."""
    start = _FILE_HEADER.size + 1
    if version < _TABLE_VERSION:
        return [start]
    table_end = start + _OFFSET.size * num_circuits
    if table_end > len(data):
        raise CircuitError("The QPY data is cut off.")
    return [offset for (offset,) in _OFFSET.iter_unpack(data[start:table_end])]
