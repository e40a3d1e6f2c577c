"""From circuit files to what a service takes: read, check, transpile, encode."""

import re
import warnings
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from typing import Any

from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import ControlFlowOp
from qiskit.exceptions import QiskitError
from qiskit.transpiler import Target

from qrsession.backend import Backend
from qrsession.circuits.final_measurements import without_final_measurements
from qrsession.circuits.isa import has_free_angles, register_problem
from qrsession.circuits.sources import PreparedCircuit, Source, SourceFormat, Transpilation
from qrsession.circuits.transpilation import transpile
from qrsession.circuits.untranspiled import wire_of_qpy
from qrsession.codec import circuits_from_qpy, decode, encode
from qrsession.codec.openqasm import with_named_bits
from qrsession.errors import CircuitError

_LINE = re.compile(r"(?:<input>:|^|L)(\d+)[,:]C?(\d+):?\s*")


def prepare_source(
    source: Source, backend: Backend, transpilation: Transpilation, *, is_estimated: bool = False
) -> list[PreparedCircuit]:
    """Read the circuits of a source, and make them fit a backend.

    For an estimator they lose the measurements at their end.

    Raises:
        CircuitError: One cannot be read, or does not fit the backend.
    """
    circuits = [
        prepare_circuit(circuit, backend, transpilation, source.name, is_estimated=is_estimated)
        for circuit in read_circuits(source)
    ]
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
        wire=encode(fitted),
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


def read_circuits(source: Source) -> list[QuantumCircuit]:
    """Parse a source; OpenQASM holds one circuit, QPY one or more.

    Raises:
        CircuitError: It does not parse. ``details`` has ``path`` and, for OpenQASM, ``line``.
    """
    try:
        if source.format is SourceFormat.QPY:
            return circuits_from_qpy(source.data)
        reader = _read_qasm2 if source.format is SourceFormat.QASM2 else _read_qasm3
        return [reader(source)]
    except CircuitError as error:
        if error.message.startswith(source.name):
            raise
        details = {"path": source.name, **error.details}
        message = f"{source.name}: {error.message}"
        raise CircuitError(message, advice=error.advice, details=details) from error


def duration_s(wire: dict[str, Any] | str, target: Target) -> float | None:
    """Return how long a circuit takes on a target: its longest path, in seconds.

    None where that cannot be told: the target has no durations, or the path depends on what is
    measured on the way.

    Args:
        wire: The circuit's typed JSON, or its text in OpenQASM 3.
        target: The backend's instructions.
    """
    try:
        if isinstance(wire, str):
            circuit = _read_qasm3(Source("the circuit", wire.encode(), SourceFormat.QASM3))
        else:
            circuit = decode(wire)
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


def _read_qasm2(source: Source) -> QuantumCircuit:
    try:
        return qasm2.loads(
            source.text(),
            include_path=(source.folder,),
            # What Qiskit's older reader took, and so what files out there contain.
            custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
            custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL,
        )
    except (QiskitError, RecursionError, MemoryError, OverflowError) as error:
        raise _parse_error(source, _words(error)) from error


def _read_qasm3(source: Source) -> QuantumCircuit:
    # Imported here: reading OpenQASM 2 and QPY needs no ANTLR.
    import openqasm3  # noqa: PLC0415
    from qiskit_qasm3_import import convert  # noqa: PLC0415

    try:
        # ANTLR prints what it then raises.
        with redirect_stderr(StringIO()), warnings.catch_warnings():
            # Between the importer and Qiskit; who gave the file can do nothing about it.
            warnings.simplefilter("ignore", DeprecationWarning)
            program = openqasm3.parse(source.text())
            return with_named_bits(convert(program), program)
    except RecursionError as error:
        raise _parse_error(source, "it is nested too deeply") from error
    except Exception as error:
        # The importer has errors of its own without a common base, and lets Qiskit's through.
        raise _parse_error(source, _words(error) or _antlr_words(error)) from error


def _words(error: BaseException) -> str:
    # As text, Qiskit's errors have quotes around them.
    return error.message if isinstance(error, QiskitError) else str(error)


def _antlr_words(error: Exception) -> str:
    """Say where the parser stopped, where ANTLR cancelled without a word."""
    inner = error.__cause__.args[0] if error.__cause__ and error.__cause__.args else None
    token = getattr(inner, "offendingToken", None)
    if token is None:
        return "it does not parse"
    return f"{token.line},{token.column}: {token.text!r} is not expected here"


def _parse_error(source: Source, words: str) -> CircuitError:
    match = _LINE.search(words)
    line = int(match[1]) if match else None
    reason = (words[match.end() :] if match else words).strip().rstrip(".")
    where = f"{source.name}, line {line}" if line else source.name
    return CircuitError(
        f"{where}: {' '.join(reason.split())}.",
        advice=f"It was read as {source.format}.",
        details={"path": source.name, "line": line},
    )
