"""QPY in and out, with a look at the header before Qiskit's reader sees the rest.

A file of 350 bytes can claim ten million qubits, which aborts the process inside Qiskit, and
formats below 13 let the file choose names of Qiskit to call; so both are refused here first.
Source: "QPY Format" in Qiskit's API reference.
"""

import io
import re
import struct
import warnings
from json import JSONEncoder

from qiskit import QuantumCircuit, qpy
from qiskit.exceptions import QiskitError

from qrsession.errors import CircuitError

MAGIC = b"QISKIT"
OLDEST_VERSION = 13
# The newest that IBM's service reads, by qiskit-ibm-runtime 0.51.
NEWEST_SERVICE_VERSION = 17
# Version from which a table of offsets stands before the circuits.
_TABLE_VERSION = 16
# More than any device or simulator method takes; a claim beyond it is an accident or an attack.
MOST_QUBITS = 10_000
MOST_CLBITS = 1_000_000
MOST_CIRCUITS = 100_000

_INNERMOST = re.compile(r"Error: ([^\x1b\n]+)")
_FILE_HEADER = struct.Struct("!6sBBBBQc")
_OFFSET = struct.Struct("!Q")
_CIRCUIT_HEADER = struct.Struct("!H1cHIIQIQI")


def circuits_to_qpy(
    circuits: list[QuantumCircuit], metadata_encoder: type[JSONEncoder] | None = None
) -> bytes:
    """Write circuits as QPY, in the newest version that IBM's service and this Qiskit know.

    Raises:
        CircuitError: A circuit, or its metadata, cannot be written.
    """
    buffer = io.BytesIO()
    version = min(NEWEST_SERVICE_VERSION, qpy.QPY_VERSION)
    try:
        qpy.dump(circuits, buffer, metadata_encoder, version=version)
    except (QiskitError, TypeError, ValueError, struct.error) as error:
        raise CircuitError(f"The circuit cannot be written as QPY: {_words(error)}") from error
    return buffer.getvalue()


def circuits_from_qpy(data: bytes, most_circuits: int = MOST_CIRCUITS) -> list[QuantumCircuit]:
    """Read circuits from QPY of version 13 or newer, one at least.

    Raises:
        CircuitError: Not QPY, of another version, damaged, or larger than anything that runs.
    """
    check_header(data, most_circuits)
    try:
        with warnings.catch_warnings():
            # The version is checked above; a newer minor release of Qiskit may be read.
            warnings.simplefilter("ignore")
            loaded = qpy.load(io.BytesIO(data))
    except Exception as error:
        # The reader raises whatever the damaged bytes lead it to, out of Python and Rust alike.
        raise CircuitError(f"The QPY data cannot be read: {_words(error)}") from error
    if not all(isinstance(circuit, QuantumCircuit) for circuit in loaded):
        raise CircuitError("The QPY data holds something other than circuits.")
    return list(loaded)


def check_header(data: bytes, most_circuits: int = MOST_CIRCUITS) -> None:
    """Hold the counts that a QPY file claims against what can be.

    Before version 16 only the first circuit can be found without reading it.

    Raises:
        CircuitError: The version is not read here, or a count is beyond its bound.
    """
    if len(data) < _FILE_HEADER.size + 1 or not data.startswith(MAGIC):
        raise CircuitError("The data is not QPY.")
    _, version, *_, num_circuits, _ = _FILE_HEADER.unpack_from(data)
    if not OLDEST_VERSION <= version <= qpy.QPY_VERSION:
        raise CircuitError(
            f"The QPY data is of version {version}; versions {OLDEST_VERSION} to "
            f"{qpy.QPY_VERSION} can be read.",
            advice="Write it again with a Qiskit of version 1.3 or later, or read it with a newer.",
        )
    if not 0 < num_circuits <= min(most_circuits, len(data)):
        raise CircuitError(
            f"The QPY data claims to hold {num_circuits} circuits; 1 to {most_circuits} are taken."
        )
    for offset in _circuit_offsets(data, version, num_circuits):
        if offset + _CIRCUIT_HEADER.size > len(data):
            raise CircuitError("The QPY data is cut off.")
        header = _CIRCUIT_HEADER.unpack_from(data, offset)
        num_qubits, num_clbits, *sizes = header[3:]
        if num_qubits > MOST_QUBITS or num_clbits > MOST_CLBITS:
            raise CircuitError(
                f"The QPY data claims a circuit of {num_qubits} qubits and {num_clbits} bits; "
                f"at most {MOST_QUBITS} and {MOST_CLBITS} are taken."
            )
        if max(sizes) > len(data):
            # Metadata, registers, instructions and variables take a byte each at least.
            raise CircuitError("The QPY data claims a circuit that it has no room for.")


def _circuit_offsets(data: bytes, version: int, num_circuits: int) -> list[int]:
    """Return where circuits start; before version 16 only where the first one does."""
    start = _FILE_HEADER.size + 1
    if version < _TABLE_VERSION:
        return [start]
    table_end = start + _OFFSET.size * num_circuits
    if table_end > len(data):
        raise CircuitError("The QPY data is cut off.")
    return [offset for (offset,) in _OFFSET.iter_unpack(data[start:table_end])]


def _words(error: BaseException) -> str:
    # As text, Qiskit's errors have quotes around them.
    text = error.message if isinstance(error, QiskitError) else str(error)
    # The reader in Rust draws a backtrace of several lines, whose innermost error tells enough.
    innermost = _INNERMOST.search(text)
    words = innermost[1] if innermost else text
    return " ".join(words.strip("'\" \n").split()) or type(error).__name__
