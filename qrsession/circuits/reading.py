"""From circuit files to what a service takes: read, check, transpile, encode."""

from dataclasses import replace
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp
from qiskit.exceptions import QiskitError
from qiskit.transpiler import Target

from qrsession.backend import Backend
from qrsession.circuits.delays import in_steps
from qrsession.circuits.final_measurements import without_final_measurements
from qrsession.circuits.isa import has_free_angles, register_problem
from qrsession.circuits.isolation import read_circuits
from qrsession.circuits.sources import PreparedCircuit, Source, SourceFormat, Transpilation
from qrsession.circuits.transpilation import transpile
from qrsession.circuits.untranspiled import wire_of_qpy
from qrsession.codec import encode
from qrsession.errors import CircuitError
from qrsession.protocol.typed import inflate


def prepare_source(
    source: Source, backend: Backend, transpilation: Transpilation, *, is_estimated: bool = False
) -> list[PreparedCircuit]:
    """Read the circuits of a source, and make them fit a backend.

    For an estimator they lose the measurements at their end.

    Raises:
        CircuitError: One cannot be read, or does not fit the backend.
    """
    read = read_circuits(source)
    try:
        circuits = [
            prepare_circuit(circuit, backend, transpilation, source.name, is_estimated=is_estimated)
            for circuit in read
        ]
    except RecursionError:
        raise CircuitError(
            f"{source.name}: its gates or blocks are nested too deeply.",
            details={"path": source.name},
        ) from None
    wire = wire_of_qpy(source) if transpilation.optimization_level is None else None
    # What goes as it is goes in the user's own bytes, where the service takes them.
    if wire is None or any(circuit.lost_measurements for circuit in circuits):
        return circuits
    return [replace(circuit, wire=wire) for circuit in circuits]


def prepare_circuit(
    circuit: QuantumCircuit,
    backend: Backend,
    transpilation: Transpilation,
    name: str,
    *,
    is_estimated: bool = False,
) -> PreparedCircuit:
    """Transpile a circuit to a backend, or hold it against its instructions, and encode it.

    Raises:
        CircuitError: It is wider than the backend, cannot be transpiled to it, or is not to be
            transpiled and not made of its instructions.
    """
    written = circuit
    if is_estimated:
        # Before it is transpiled, which drops what makes no difference to bits that are measured.
        circuit = without_final_measurements(circuit)
    fitted = circuit
    if transpilation.optimization_level is None:
        backend.instruction_set.check(circuit, name)
    else:
        fitted = transpile(circuit, backend.target, transpilation, name)
    return PreparedCircuit(
        wire=encode(in_steps(fitted, lambda: backend)),
        parameters=tuple(parameter.name for parameter in fitted.parameters),
        source_parameters=tuple(parameter.name for parameter in circuit.parameters),
        has_measurement=measures(fitted),
        register_problem=register_problem(fitted),
        has_free_angles=has_free_angles(fitted) and backend.instruction_set.bounds_angles,
        layouts=_layouts(written, None if fitted is circuit else fitted, name)
        if is_estimated
        else (),
        num_wire_qubits=fitted.num_qubits,
        lost_measurements=circuit is not written,
    )


def _layouts(
    written: QuantumCircuit, transpiled: QuantumCircuit | None, name: str
) -> tuple[tuple[int, ...], ...]:
    """Return where qubits are in the end: those of the circuit as written, then the file's own.

    The two differ where somebody laid the circuit out before it was written to its file.

    Raises:
        CircuitError: The layout that the file has is none of its circuit.
    """
    places = tuple(range(written.num_qubits))
    if transpiled is not None and transpiled.layout is not None:
        places = tuple(transpiled.layout.final_index_layout())
    if written.layout is None:
        return (places,)
    try:
        laid_out = tuple(places[qubit] for qubit in written.layout.final_index_layout())
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CircuitError(
            f"{name}: the layout in it does not fit the circuit.",
            advice="Write the circuit again, or before it is transpiled.",
            details={"path": name},
        ) from error
    return (laid_out, places)


def duration_s(wire: dict[str, Any] | str, target: Target) -> float | None:
    """Return how long a circuit takes on a target: its longest path, in seconds.

    None where that cannot be told: the target has no durations, or the path depends on what is
    measured on the way.

    Args:
        wire: The circuit's typed JSON, or its text in OpenQASM 3.
        target: The backend's instructions.
    """
    try:
        # It may be what the user gave, which nobody has parsed yet.
        if isinstance(wire, str):
            source = Source("the circuit", wire.encode(), SourceFormat.QASM3)
        else:
            source = Source("the circuit", inflate(wire["__value__"]), SourceFormat.QPY)
        (circuit,) = read_circuits(source)
        length: float = circuit.estimate_duration(target)
    except (QiskitError, CircuitError):
        return None
    return length


def measures(circuit: QuantumCircuit) -> bool:
    """Return whether the sampler has something to sample: a measurement into a register."""
    return bool(circuit.cregs) and _has_measurement(circuit)


def _has_measurement(circuit: QuantumCircuit) -> bool:
    for instruction in circuit.data:
        operation = instruction.operation
        if operation.name == "measure":
            return True
        if isinstance(operation, ControlFlowOp):
            if any(_has_measurement(block) for block in operation.blocks):
                return True
        elif instruction.clbits and _has_measurement(operation.definition or QuantumCircuit()):
            # A composite instruction that was given bits, such as a circuit appended as a whole.
            return True
    return False
