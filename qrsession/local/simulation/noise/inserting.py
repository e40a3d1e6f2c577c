"""Circuits with the noise of a device put into them, in a form that a method of Aer runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ControlFlowOp, Instruction, Measure, Qubit, Reset
from qiskit.circuit.library import CXGate
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError

from qrsession.local.simulation.circuits.guarding import guarded
from qrsession.local.simulation.noise.channels import RESET, Channel, DeviceNoise
from qrsession.local.simulation.noise.clifford import CliffordGates
from qrsession.local.simulation.noise.cutting import Cut

_SILENT = frozenset({"barrier", "store", "break_loop", "continue_loop"})


class Method(Enum):
    """How a circuit with noise is simulated; the value is Aer's name for it.

    ``DENSITY_MATRIX`` computes all outcomes at once, ``STATEVECTOR`` follows each shot with
    branches taken at random, and ``STABILIZER`` runs Clifford circuits with Pauli errors.
    """

    DENSITY_MATRIX = "density_matrix"
    STATEVECTOR = "statevector"
    STABILIZER = "stabilizer"


@dataclass
class NoisyCircuit:
    """A circuit and what Aer must be told beside it.

    Attributes:
        circuit: The circuit.
        model: Errors of readout, and those that instructions of the circuit name.
    """

    circuit: QuantumCircuit
    model: NoiseModel | None


def with_noise(cut: Cut, noise: DeviceNoise, method: Method) -> NoisyCircuit:
    """Put the noise of a device into a circuit.

    Args:
        cut: The circuit; without parameters for ``STABILIZER``, where `CliffordGates` accept it.
        noise: The noise of the device.
        method: What it will be simulated by.

    Raises:
        JobFailedError: A delay has no length.
    """
    writer = _Writer(noise, method, _second_readers(cut, noise) if cut.is_dynamic else {})
    circuit = writer.written(cut.circuit, cut.numbers)
    model = writer.model()
    if cut.is_dynamic:
        circuit = guarded(circuit)
        model = model or NoiseModel()
        _add_readout(model, circuit, cut, noise, writer)
    return NoisyCircuit(circuit, model)


def _second_readers(cut: Cut, noise: DeviceNoise) -> dict[tuple[int, str | None], Qubit]:
    """Return qubits that read in place of those that are measured in ways of different quality.

    Aer knows one error of readout for a qubit. Such qubits are rare: they are measured both by the
    usual measurement and by a variant.
    """
    ways: dict[int, dict[str | None, tuple[float, float]]] = {}
    for number, label in _ways_of_measuring(cut.circuit, cut.numbers):
        ways.setdefault(number, {})[label] = noise.of_readout(number, label)
    return {
        (number, label): Qubit()
        for number, known in ways.items()
        for label, pair in list(known.items())[1:]
        if pair != next(iter(known.values()))
    }


def _ways_of_measuring(
    circuit: QuantumCircuit, numbers: Mapping[Qubit, int]
) -> list[tuple[int, str | None]]:
    found: list[tuple[int, str | None]] = []
    for part in circuit.data:
        if isinstance(part.operation, ControlFlowOp):
            for block in part.operation.blocks:
                found += _ways_of_measuring(block, _inner(block, part, numbers))
        elif part.name == "measure":
            found.append((numbers[part.qubits[0]], part.label))
    return found


def _inner(
    block: QuantumCircuit, part: CircuitInstruction, numbers: Mapping[Qubit, int]
) -> dict[Qubit, int]:
    pairs = zip(block.qubits, part.qubits, strict=True)
    return {own: numbers[outer] for own, outer in pairs}


@dataclass
class _Writer:
    """Writes circuits with noise.

    Attributes:
        noise: The noise of the device.
        method: What will simulate them.
        readers: By number and way of measuring, the qubit that reads in place of the measured one.
        labels: By number, the label of the measurements that the qubit itself does.
        errors: The errors that were written as names.
    """

    noise: DeviceNoise
    method: Method
    readers: Mapping[tuple[int, str | None], Qubit]
    labels: dict[int, str | None] = field(default_factory=dict)
    errors: dict[str, QuantumError] = field(default_factory=dict)
    _clifford: CliffordGates = field(default_factory=CliffordGates)

    def model(self) -> NoiseModel | None:
        """Return what the names in the circuits mean; None where there are none."""
        if not self.errors:
            return None
        model = NoiseModel()
        for name, error in self.errors.items():
            model.add_all_qubit_quantum_error(error, name)
        return model

    def written(self, source: QuantumCircuit, numbers: Mapping[Qubit, int]) -> QuantumCircuit:
        """Return a circuit, or a block of one, with noise; the readers are its last qubits."""
        target = QuantumCircuit(
            [*source.qubits, *self.readers.values()],
            source.clbits,
            global_phase=source.global_phase,
        )
        for register in source.cregs:
            target.add_register(register)
        for part in source.data:
            operation = part.operation
            if isinstance(operation, ControlFlowOp):
                blocks = [self.written(b, _inner(b, part, numbers)) for b in operation.blocks]
                qubits = [*part.qubits, *self.readers.values()]
                target._append(operation.replace_blocks(blocks), qubits, part.clbits)  # noqa: SLF001
            else:
                self._write(target, part, tuple(numbers[qubit] for qubit in part.qubits))
        return target

    def _write(
        self, target: QuantumCircuit, part: CircuitInstruction, numbers: tuple[int, ...]
    ) -> None:
        if part.name in _SILENT:
            _append(target, part)
        elif part.name == "measure":
            self._write_measurement(target, part, numbers[0])
        elif part.name == "delay":
            self._write_channel(target, part, self.noise.of_delay(part.operation, numbers[0]))
        elif part.name == "reset":
            if self.method is Method.DENSITY_MATRIX:
                _append(target, part.replace(operation=RESET.superoperator))
            else:
                _append(target, part)
        else:
            plain = [part]
            if self.method is Method.STABILIZER:
                plain = self._clifford.rewritten(part) or plain
            for gate in plain:
                _append(target, gate)
            self._write_channel(target, part, self.noise.of_gate(part.name, numbers))

    def _write_measurement(
        self, target: QuantumCircuit, part: CircuitInstruction, number: int
    ) -> None:
        reader = self.readers.get((number, part.label))
        if reader is None:
            self.labels[number] = part.label
            _append(target, part)
            return
        target._append(CXGate(), (part.qubits[0], reader), ())  # noqa: SLF001
        target._append(Measure(), (reader,), part.clbits)  # noqa: SLF001
        target._append(Reset(), (reader,), ())  # noqa: SLF001

    def _write_channel(
        self, target: QuantumCircuit, part: CircuitInstruction, channel: Channel | None
    ) -> None:
        if channel is not None:
            _append(target, part.replace(operation=self._as_instruction(channel), clbits=()))

    def _as_instruction(self, channel: Channel) -> Instruction:
        if self.method is Method.DENSITY_MATRIX:
            return channel.superoperator
        if self.method is Method.STATEVECTOR:
            return channel.kraus
        error = channel.twirled
        self.errors[error.id] = error
        # By this name Aer finds the error in the model, wherever in a circuit it stands.
        return Instruction("qerror_loc", error.num_qubits, 0, [], label=error.id)


def _append(target: QuantumCircuit, part: CircuitInstruction) -> None:
    target._append(part)  # noqa: SLF001 - checked before


def _add_readout(
    model: NoiseModel, circuit: QuantumCircuit, cut: Cut, noise: DeviceNoise, writer: _Writer
) -> None:
    readers = {reader: place for place, reader in writer.readers.items()}
    for index, qubit in enumerate(circuit.qubits):
        if qubit in readers:
            number, label = readers[qubit]
        else:
            number = cut.numbers[qubit]
            label = writer.labels.get(number)
        one_of_zero, zero_of_one = noise.of_readout(number, label)
        if one_of_zero or zero_of_one:
            error = [[1 - one_of_zero, one_of_zero], [zero_of_one, 1 - zero_of_one]]
            model.add_readout_error(ReadoutError(error), [index])
