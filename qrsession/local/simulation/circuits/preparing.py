"""Circuits made fit for Aer: bounded, and unrolled to what Aer knows by name."""

import math
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    CircuitInstruction,
    Clbit,
    ControlFlowOp,
    Delay,
    ForLoopOp,
    Instruction,
    Measure,
    Operation,
    Qubit,
    Reset,
    Store,
)
from qiskit.circuit.controlflow import (
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    IfElseOp,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library import (
    C3XGate,
    C4XGate,
    DiagonalGate,
    Initialize,
    MCPhaseGate,
    MCXGate,
    PauliGate,
    UnitaryGate,
)

from qrsession.local.simulation.failures import not_valid

# Operations after gates are unrolled and loops run through: beyond it Aer takes hours to read it.
MOST_OPERATIONS = 5_000_000
_DEEPEST = 100
_VARIANT = re.compile(r"(measure|reset)_\d+", re.ASCII)

_STANDARD = frozenset(
    (
        *("ccx", "ccz", "cp", "crx", "cry", "crz", "cswap", "csx", "cu", "cu1", "cu3", "cx", "cy"),
        *("cz", "ecr", "h", "id", "p", "r", "rx", "rxx", "ry", "ryy", "rz", "rzx", "rzz", "s"),
        *("sdg", "swap", "sx", "sxdg", "t", "tdg", "u", "u1", "u2", "u3", "x", "y", "z"),
    )
)
# With open controls they have other names, and are unrolled.
_MULTI_CONTROLLED = {MCXGate: "mcx", C3XGate: "mcx", C4XGate: "mcx", MCPhaseGate: "mcphase"}
_CONTROL_FLOW = (IfElseOp, WhileLoopOp, ForLoopOp, SwitchCaseOp)
_KNOWN = (
    Measure,
    Reset,
    Barrier,
    Delay,
    Store,
    BreakLoopOp,
    ContinueLoopOp,
    UnitaryGate,
    DiagonalGate,
    PauliGate,
)


def prepared(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit that Aer runs, with the same outcomes; the same one if it is such already.

    Raises:
        JobFailedError: It is too large when unrolled, or has an instruction without a definition.
    """
    sizes = _Sizes()
    size = sizes.of_circuit(circuit, 0)
    if size > MOST_OPERATIONS:
        raise _too_many(size)
    return circuit if not sizes.has_foreign else _unrolled(circuit)


def columns_for(
    plain: QuantumCircuit, circuit: QuantumCircuit, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the values of a prepared circuit's parameters, given those of the original's.

    A definition need not use all parameters of its gate, so unrolling may lose some.

    Args:
        plain: The prepared circuit.
        circuit: What it was prepared from.
        values: Float64, shape ``(points, parameters of the original)``.
    """
    positions = {parameter: i for i, parameter in enumerate(circuit.parameters)}
    return values[:, [positions[parameter] for parameter in plain.parameters]]


def _too_many(size: float) -> Exception:
    return not_valid(
        f"The circuit has {size:.7g} or more operations when its gates and loops are unrolled; at "
        f"most {MOST_OPERATIONS} are run."
    )


def is_native(instruction: CircuitInstruction) -> bool:
    """Tell whether Aer runs an instruction as it is.

    Aer goes by names alone, so a gate of the user's that is called ``h`` would run as Hadamard:
    what counts here is what the instruction is.
    """
    name, operation = instruction.name, instruction.operation
    if instruction.is_standard_gate():
        return name in _STANDARD or name in _MULTI_CONTROLLED.values()
    kind = getattr(operation, "base_class", type(operation))
    if kind is Initialize:
        # Aer takes amplitudes; labels and numbers in their place are unrolled.
        return len(operation.params) > 1 and isinstance(operation.params[0], complex)
    return kind in _KNOWN or _MULTI_CONTROLLED.get(kind) == name


def stands_for(instruction: CircuitInstruction) -> Measure | Reset | None:
    """Return what runs in place of a device's variant of measuring or resetting, such as measure_2.

    They differ in time and noise alone, and come without a definition.
    """
    operation = instruction.operation
    variant = _VARIANT.fullmatch(instruction.name)
    if variant is None or type(operation) is not Instruction or operation.definition is not None:
        return None
    # By the label the noise of a device tells it from the usual one.
    name = instruction.name
    plain = Measure(label=name) if variant[1] == "measure" else Reset(label=name)
    is_alike = (operation.num_qubits, operation.num_clbits) == (plain.num_qubits, plain.num_clbits)
    return plain if is_alike else None


class _Sizes:
    """Counts operations before anything is unrolled; a definition that is met again costs nothing.

    Attributes:
        has_foreign: Whether there is anything to unroll.
    """

    def __init__(self) -> None:
        self.has_foreign = False
        self._seen = 0
        self._known: dict[int, tuple[Operation, float]] = {}

    def of_circuit(self, circuit: QuantumCircuit, depth: int) -> float:
        if depth > _DEEPEST:
            raise not_valid(f"Its gates or blocks are nested more than {_DEEPEST} levels deep.")
        if circuit.num_vars or circuit.num_stretches:
            raise not_valid(
                "The circuit has classical variables, which the simulator does not have.",
                "Keep values in bits and registers.",
            )
        self._seen += len(circuit.data)
        if self._seen > MOST_OPERATIONS:
            raise _too_many(self._seen)
        return sum(self._of(instruction, depth) for instruction in circuit.data) + 1

    def _of(self, instruction: CircuitInstruction, depth: int) -> float:
        if is_native(instruction):
            return 1
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            return self._of_blocks(operation, depth)
        self.has_foreign = True
        if stands_for(instruction) is not None:
            return 1
        known = self._known.get(id(operation))
        if known is None:
            size = self.of_circuit(definition_of(operation), depth + 1)
            # The operation is kept too, so that nothing else gets its id.
            known = self._known[id(operation)] = (operation, size)
        return known[1]

    def _of_blocks(self, operation: ControlFlowOp, depth: int) -> float:
        if isinstance(operation, BoxOp):
            self.has_foreign = True
        elif not isinstance(operation, _CONTROL_FLOW):
            raise not_valid(f"The simulator does not know the instruction {operation.name!r}.")
        size = sum(self.of_circuit(block, depth + 1) for block in operation.blocks)
        if isinstance(operation, ForLoopOp):
            size *= _length(operation.params[0])
        return size + 1


def _length(indices: Iterable[int]) -> float:
    try:
        return len(indices)  # type: ignore[arg-type] # a range or a tuple
    except OverflowError:
        return math.inf


def definition_of(operation: Operation) -> QuantumCircuit:
    """Return what an instruction consists of.

    Raises:
        JobFailedError: Nothing says so.
    """
    definition = getattr(operation, "definition", None)
    if definition is None and not isinstance(operation, Instruction):
        definition = _synthesized(operation)
    if not isinstance(definition, QuantumCircuit):
        raise not_valid(
            f"The instruction {operation.name!r} has no definition, and the simulator does not "
            "know it.",
            "Define it, or use standard gates.",
        )
    return definition


def _synthesized(operation: Operation) -> QuantumCircuit:
    # Annotated operations, Cliffords and the like: rare, and loading the synthesis costs time.
    from qiskit.transpiler.passes import HighLevelSynthesis  # noqa: PLC0415

    circuit = QuantumCircuit(operation.num_qubits, operation.num_clbits)
    circuit.append(operation, circuit.qubits, circuit.clbits)
    names = [*sorted(_STANDARD), "measure", "reset", "barrier", "delay", "unitary"]
    synthesized: QuantumCircuit = HighLevelSynthesis(basis_gates=names)(circuit)
    return synthesized


def _unrolled(circuit: QuantumCircuit) -> QuantumCircuit:
    plain = circuit.copy_empty_like()
    _append_all(plain, circuit, circuit.qubits, circuit.clbits)
    return plain


def _append_all(
    target: QuantumCircuit, source: QuantumCircuit, qubits: list[Qubit], clbits: list[Clbit]
) -> None:
    """Append a circuit's instructions, unrolled, on these bits of another circuit."""
    if (source.num_qubits, source.num_clbits) != (len(qubits), len(clbits)):
        # Qiskit's own checks are passed by where a circuit is read from QPY.
        raise not_valid("An instruction is defined for another number of qubits or bits.")
    bits = dict(zip((*source.qubits, *source.clbits), (*qubits, *clbits), strict=True))
    for instruction in source.data:
        operation = instruction.operation
        on_qubits = [bits[qubit] for qubit in instruction.qubits]
        on_clbits = [bits[clbit] for clbit in instruction.clbits]
        if is_native(instruction):
            target._append(operation, on_qubits, on_clbits)  # noqa: SLF001
        elif (plain := stands_for(instruction)) is not None:
            target._append(plain, on_qubits, on_clbits)  # noqa: SLF001
        elif isinstance(operation, BoxOp):
            _append_all(target, operation.blocks[0], on_qubits, on_clbits)
        elif isinstance(operation, ControlFlowOp):
            blocks = [_unrolled(block) for block in operation.blocks]
            target._append(operation.replace_blocks(blocks), on_qubits, on_clbits)  # noqa: SLF001
        else:
            _append_all(target, definition_of(operation), on_qubits, on_clbits)
