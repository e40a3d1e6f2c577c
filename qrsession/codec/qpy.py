"""QPY in and out, with a look at the header before Qiskit's reader sees the rest.

See `qrsession.protocol.qpy` for what the header tells, and why it must.
"""

import io
import re
import struct
import warnings
from contextlib import nullcontext
from json import JSONEncoder

from qiskit import QuantumCircuit, qpy
from qiskit import __version__ as qiskit_version
from qiskit.circuit import Annotation
from qiskit.circuit.annotation import QPYSerializer
from qiskit.exceptions import QiskitError

from qrsession.codec.lost_delays import check_delays
from qrsession.codec.panics import without_panics
from qrsession.errors import CircuitError
from qrsession.protocol.qpy import MOST_CIRCUITS, NEWEST_SERVICE_VERSION, read_header

# QPY has the classes or names of all instructions as they are (Delay, delay), those of blocks and
# definitions too.
_DELAY = b"elay"
_INNERMOST = re.compile(r"Error: ([^\x1b\n]+)")


class _Unread(QPYSerializer):
    """Takes annotations of boxes for what they are to whoever runs a circuit: words about it."""

    def load_annotation(self, payload: bytes) -> Annotation:
        """Return an annotation that says nothing."""
        del payload
        return Annotation()

    def dump_annotation(self, namespace: str, annotation: Annotation) -> bytes:
        """Write nothing: circuits with these go nowhere from here."""
        del namespace, annotation
        return b""


_OWN_VERSION = tuple(map(int, re.findall(r"\d+", qiskit_version)[:3]))
# Of samplomatic, whose boxes tell what to randomize.
_ANNOTATIONS = {"samplomatic": _Unread}


def circuits_to_qpy(
    circuits: list[QuantumCircuit], metadata_encoder: type[JSONEncoder] | None = None
) -> bytes:
    """Write circuits as QPY, in the newest version that IBM's service and this Qiskit know.

    Raises:
        CircuitError: A circuit, or its metadata, cannot be written.
    """
    for circuit in circuits:
        check_delays(circuit)
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
    header = read_header(data, qpy.QPY_VERSION, most_circuits)
    # Qiskit warns of data from a newer release; its format is checked above. Filters are touched
    # for such data alone, since that makes every later warning of the process slow.
    is_newer = header.qiskit_version > _OWN_VERSION
    quietly = warnings.catch_warnings(action="ignore") if is_newer else nullcontext()
    try:
        with quietly:
            loaded = without_panics(qpy.load, io.BytesIO(data), annotation_factories=_ANNOTATIONS)
    except Exception as error:
        # The reader raises whatever the damaged bytes lead it to, out of Python and Rust alike.
        raise CircuitError(f"The QPY data cannot be read: {_words(error)}") from error
    if not all(isinstance(circuit, QuantumCircuit) for circuit in loaded):
        raise CircuitError("The QPY data holds something other than circuits.")
    if _DELAY in data:
        for circuit in loaded:
            check_delays(circuit)
    return list(loaded)


def _words(error: BaseException) -> str:
    # As text, Qiskit's errors have quotes around them.
    text = error.message if isinstance(error, QiskitError) else str(error)
    # The reader in Rust draws a backtrace of several lines, whose innermost error tells enough.
    innermost = _INNERMOST.search(text)
    words = innermost[1] if innermost else text
    return " ".join(words.strip("'\" \n").split()) or type(error).__name__
