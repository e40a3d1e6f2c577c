"""Programs that many tests submit, and one that nobody should."""

import io
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""


def bell() -> "QuantumCircuit":
    """Return a pair that is measured into the register ``meas``."""
    # Imported here: most tests that submit a program need no Qiskit.
    from qiskit import QuantumCircuit  # noqa: PLC0415

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def with_a_gate_that_claims(num_qubits: int) -> bytes:
    """Return QPY whose header is fine, with a gate whose definition claims so many qubits."""
    # As above.
    from qiskit import QuantumCircuit, qpy  # noqa: PLC0415

    inner = QuantumCircuit(1, name="inner")
    inner.h(0)
    outer = QuantumCircuit(1)
    outer.append(inner.to_gate(), [0])
    buffer = io.BytesIO()
    qpy.dump(outer, buffer, version=17)
    data = bytearray(buffer.getvalue())
    # The length of the definition's name, and the type of its global phase.
    header_at = data.index(b"\x00\x05f\x00\x08")
    struct.pack_into("!I", data, header_at + 5, num_qubits)
    return bytes(data)
