"""Circuits of a whole device, cut down to what can influence an outcome where there is noise.

A qubit that nothing but measurements, resets and delays touch stays in state 0 with noise as well
as without, since devices are cold: it is left out, and all that is left of it is that its
measurements may be read wrongly. So the bits of a circuit that only branches and loops read need
simulated errors of readout; those of any other are made afterwards, whatever method simulates it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ControlFlowOp, ForLoopOp, Qubit

from qrsession.local.simulation.circuits.bits import Clbits, clbits_of
from qrsession.local.simulation.circuits.guarding import is_dynamic
from qrsession.local.simulation.circuits.narrowing import narrowed
from qrsession.local.simulation.noise.channels import DeviceNoise

_LEAVES_ZERO = frozenset({"measure", "reset", "delay"})


@dataclass(frozen=True)
class Cut:
    """What is left to simulate of a circuit.

    Attributes:
        circuit: The circuit, on the qubits that matter alone, with all of its clbits.
        numbers: For each qubit of the circuit its number on the device.
        is_dynamic: Whether what is done depends on what was measured.
        is_sampled: Whether it ends with all of its measurements, so that one run gives all shots.
        zeros: The clbits that qubits in state 0 are measured into.
        flips: For each clbit of which it is not the simulation that reads it wrongly, the
            probabilities to read a 1 for a 0, and a 0 for a 1.
    """

    circuit: QuantumCircuit
    numbers: dict[Qubit, int]
    is_dynamic: bool
    is_sampled: bool
    zeros: list[int] = field(default_factory=list)
    flips: dict[int, tuple[float, float]] = field(default_factory=dict)


def cut(circuit: QuantumCircuit, noise: DeviceNoise) -> Cut:
    """Cut a circuit down.

    Args:
        circuit: What `prepared` returned; its qubit i is the device's qubit i.
        noise: The noise of the device.
    """
    numbers = {qubit: number for number, qubit in enumerate(circuit.qubits)}
    if is_dynamic(circuit) or any(part.name == "store" for part in circuit.data):
        return _dynamic(circuit, numbers, noise)
    return _static(circuit, numbers, noise)


def number_of_operations(circuit: QuantumCircuit) -> int:
    """Count what a shot runs through; loops with a condition once."""
    count = 0
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            times = len(operation.params[0]) if isinstance(operation, ForLoopOp) else 1
            count += times * sum(number_of_operations(block) for block in operation.blocks)
        else:
            count += 1
    return count


def _static(circuit: QuantumCircuit, numbers: dict[Qubit, int], noise: DeviceNoise) -> Cut:
    parts = _influential(circuit.data)
    active = {qubit for part in parts if part.name not in _LEAVES_ZERO for qubit in part.qubits}
    last = {part.clbits[0]: part for part in parts if part.name == "measure"}
    places = {clbit: number for number, clbit in enumerate(circuit.clbits)}
    kept = [part for part in parts if active.issuperset(part.qubits)]
    is_sampled = _ends_with_measurements(kept)
    if is_sampled:
        kept.sort(key=lambda part: part.name == "measure")
    narrow = QuantumCircuit(
        [qubit for qubit in circuit.qubits if qubit in active],
        circuit.clbits,
        global_phase=circuit.global_phase,
    )
    for part in kept:
        narrow._append(part)  # noqa: SLF001 - checked before
    return Cut(
        narrow,
        {qubit: numbers[qubit] for qubit in narrow.qubits},
        is_dynamic=False,
        is_sampled=is_sampled,
        zeros=[places[clbit] for clbit, part in last.items() if part.qubits[0] not in active],
        flips={places[clbit]: _readout(part, numbers, noise) for clbit, part in last.items()},
    )


def _influential(data: Iterable[CircuitInstruction]) -> list[CircuitInstruction]:
    """Return the instructions that a later measurement can tell from nothing, in their order."""
    watched: set[Qubit] = set()
    kept = []
    for part in reversed(list(data)):
        if part.name == "measure":
            watched.update(part.qubits)
        elif part.name == "barrier" or watched.isdisjoint(part.qubits):
            continue
        elif part.name == "reset":
            watched.difference_update(part.qubits)
        else:
            watched.update(part.qubits)
        kept.append(part)
    return kept[::-1]


def _ends_with_measurements(parts: Iterable[CircuitInstruction]) -> bool:
    measured: set[Qubit] = set()
    for part in parts:
        if not measured.isdisjoint(part.qubits):
            return False
        if part.name == "measure":
            measured.update(part.qubits)
    return True


def _readout(
    part: CircuitInstruction, numbers: dict[Qubit, int], noise: DeviceNoise
) -> tuple[float, float]:
    return noise.of_readout(numbers[part.qubits[0]], part.label)


def _dynamic(circuit: QuantumCircuit, numbers: dict[Qubit, int], noise: DeviceNoise) -> Cut:
    narrow = narrowed(circuit)
    kept = set(narrow.qubits)
    flips = {
        circuit.find_bit(part.clbits[0]).index: _readout(part, numbers, noise)
        for part in _measurements_of_others(circuit, kept)
    }
    return Cut(
        narrow,
        {qubit: numbers[qubit] for qubit in narrow.qubits},
        is_dynamic=True,
        is_sampled=False,
        flips=flips,
    )


def _measurements_of_others(
    circuit: QuantumCircuit, kept: set[Qubit]
) -> Iterator[CircuitInstruction]:
    writers: Clbits = Counter()
    for part in circuit.data:
        writers.update(clbits_of(part))
    for part in circuit.data:
        if part.name == "measure" and part.qubits[0] not in kept and writers[part.clbits[0]] == 1:
            yield part
