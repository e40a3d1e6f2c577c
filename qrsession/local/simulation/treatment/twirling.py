"""Pauli twirling: circuits in random forms that all mean the same.

Before a two-qubit gate its qubits get random Paulis, and what these become behind the gate is taken
back. So an error of the gate turns its state in a random frame, and on average is a Pauli error. A
Pauli that is to be taken back is carried along instead where it can be, through gates that turn
Paulis into Paulis, and meets the next random one: as few gates are added as the service adds, which
puts both into its gates of one qubit. Before a measurement a qubit is flipped at random, and its
bit is flipped back afterwards, so that both wrong readings occur alike.

Nothing within a conditional block is twirled, nor a measurement whose bit is read by the program.
Idle qubits have noise in their delays alone, so there alone do the strategies differ.
Source: guide "Error mitigation and suppression techniques"; "TwirlingOptions" of the API reference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, Gate, Qubit

from qrsession.local.simulation.circuits.bits import clbits_of
from qrsession.local.simulation.noise.clifford import conjugations
from qrsession.local.simulation.treatment.natives import Natives
from qrsession.protocol.treatment import Strategy, Twirling

# Gates of two qubits that turn Paulis into Paulis; devices have one of the first three.
CLIFFORD_PAIRS = frozenset({"cx", "cz", "ecr", "cy", "swap"})
_CLIFFORDS = frozenset({*CLIFFORD_PAIRS, "x", "sx", "sxdg", "h", "s", "sdg", "y", "z", "id"})
# They turn the other way in a frame that is flipped.
_ABOUT_Z = frozenset({"rz", "u1", "p"})
_KEEP_FRAMES = frozenset({"barrier", "delay"})


@dataclass(frozen=True, slots=True)
class Twirled:
    """A circuit in one random form.

    Attributes:
        circuit: The circuit.
        flips: For each clbit whether it is to be flipped back: bool, shape ``(clbits,)``.
        choices: What was drawn: two forms with the same choices are the same.
    """

    circuit: QuantumCircuit
    flips: NDArray[np.bool_]
    choices: tuple[int, ...]


def twirled(
    circuit: QuantumCircuit, twirling: Twirling, natives: Natives, rng: np.random.Generator
) -> Twirled:
    """Return a circuit in a random form. Its outcomes without noise are those of the circuit.

    Args:
        circuit: What `prepared` returned.
        twirling: What is twirled.
        natives: The gates that Paulis are made of.
        rng: What draws them.
    """
    return _Walk(circuit, twirling, natives, rng).form()


class _Walk:
    """One pass through a circuit, with the Pauli that each qubit is still off by."""

    def __init__(
        self,
        circuit: QuantumCircuit,
        twirling: Twirling,
        natives: Natives,
        rng: np.random.Generator,
    ) -> None:
        self._source = circuit
        self._target = circuit.copy_empty_like()
        self._twirling = twirling
        self._natives = natives
        self._rng = rng
        self._x = dict.fromkeys(circuit.qubits, False)
        self._z = dict.fromkeys(circuit.qubits, False)
        self._clbits = {clbit: index for index, clbit in enumerate(circuit.clbits)}
        self._read = set(_read_by_program(circuit))
        self._flips = np.zeros(circuit.num_clbits, dtype=bool)
        self._choices: list[int] = []

    def form(self) -> Twirled:
        """Return the form that comes out."""
        in_layers: set[int] = set()
        if self._twirling.gates:
            in_layers = _delays_in_layers(self._source, self._twirling.strategy)
        for index, instruction in enumerate(self._source.data):
            if index in in_layers:
                self._randomize(instruction.qubits)
            elif instruction.name == "delay":
                self._take_back(instruction.qubits)
            self._take(instruction)
        return Twirled(self._target, self._flips, tuple(self._choices))

    def _take(self, instruction: CircuitInstruction) -> None:
        """Append an instruction as it is in the frame of its qubits."""
        name, qubits = instruction.name, instruction.qubits
        if name in CLIFFORD_PAIRS and self._twirling.gates:
            self._randomize(qubits)
        if _is_measurement(instruction):
            self._prepare_to_read(qubits[0], instruction.clbits[0])
        elif name.startswith("reset"):
            self._x[qubits[0]] = self._z[qubits[0]] = False
        elif name in _ABOUT_Z:
            if self._x[qubits[0]]:
                instruction = instruction.replace(operation=_reversed(instruction.operation))
        elif name in _CLIFFORDS and instruction.is_standard_gate():
            self._carry(instruction)
        elif name not in _KEEP_FRAMES:
            self._take_back(qubits)
        self._append(instruction)

    def _append(self, instruction: CircuitInstruction) -> None:
        self._target._append(instruction)  # noqa: SLF001 - checked before

    def _put(self, qubit: Qubit, *, x: bool, z: bool) -> None:
        for gate in self._natives.pauli(x=x, z=z):
            self._target._append(gate, (qubit,), ())  # noqa: SLF001 - checked before
        self._x[qubit] ^= x
        self._z[qubit] ^= z

    def _randomize(self, qubits: Iterable[Qubit]) -> None:
        for qubit in qubits:
            choice = int(self._rng.integers(4))
            self._choices.append(choice)
            self._put(qubit, x=bool(choice & 1), z=bool(choice & 2))

    def _take_back(self, qubits: Iterable[Qubit]) -> None:
        for qubit in qubits:
            self._put(qubit, x=self._x[qubit], z=self._z[qubit])

    def _prepare_to_read(self, qubit: Qubit, clbit: Clbit) -> None:
        # A phase does nothing to what is measured.
        self._z[qubit] = False
        if self._twirling.measure and clbit not in self._read:
            choice = int(self._rng.integers(2))
            self._choices.append(choice)
            self._put(qubit, x=bool(choice), z=False)
        else:
            self._take_back((qubit,))
        self._flips[self._clbits[clbit]] = self._x[qubit]

    def _carry(self, instruction: CircuitInstruction) -> None:
        """Carry the Paulis of a gate's qubits through it."""
        x, z = 0, 0
        for qubit, (of_x, of_z) in zip(
            instruction.qubits, conjugations(instruction.name), strict=True
        ):
            for is_off, (dx, dz) in ((self._x[qubit], of_x), (self._z[qubit], of_z)):
                if is_off:
                    x, z = x ^ dx, z ^ dz
        for place, qubit in enumerate(instruction.qubits):
            self._x[qubit] = bool(x >> place & 1)
            self._z[qubit] = bool(z >> place & 1)


def _reversed(gate: Gate) -> Gate:
    turned: Gate = gate.base_class(-gate.params[0])
    return turned


def _is_measurement(instruction: CircuitInstruction) -> bool:
    """Tell measurements, and variants of them, which devices name with a number at the end."""
    is_one = len(instruction.qubits) == len(instruction.clbits) == 1
    return is_one and instruction.name.startswith("measure")


def _read_by_program(circuit: QuantumCircuit) -> Iterator[Clbit]:
    """Yield the clbits that something other than a measurement has to do with."""
    for instruction in circuit.data:
        if not _is_measurement(instruction):
            yield from clbits_of(instruction)


@dataclass(frozen=True, slots=True)
class _Wait:
    """A delay: of which qubit, and between which layers that others may be in meanwhile."""

    index: int
    qubit: Qubit
    behind: int
    up_to: int


def _delays_in_layers(circuit: QuantumCircuit, strategy: Strategy) -> set[int]:
    """Return which instructions are delays of idle qubits that a layer twirls with its own.

    A layer is what can be at the same time: a gate is in the layer behind the last one of its
    qubits, and a barrier, or whatever else is on several qubits, puts them into step.
    """
    if strategy is Strategy.ACTIVE:
        return set()
    last = dict.fromkeys(circuit.qubits, 0)
    num_layers = 0
    # The first layer that each qubit is active in.
    first: dict[Qubit, int] = {}
    open_delays: dict[Qubit, list[int]] = {}
    waits: list[_Wait] = []
    for index, instruction in enumerate(circuit.data):
        qubits = instruction.qubits
        if instruction.name == "delay":
            open_delays.setdefault(qubits[0], []).append(index)
        if len(qubits) <= 1:
            continue
        now = max(last[qubit] for qubit in qubits)
        for qubit in qubits:
            indices = open_delays.pop(qubit, ())
            waits += [_Wait(index, qubit, last[qubit], now) for index in indices]
        if instruction.name in CLIFFORD_PAIRS:
            now += 1
            num_layers = max(num_layers, now)
            for qubit in qubits:
                first[qubit] = min(first.get(qubit, now), now)
        last.update(dict.fromkeys(qubits, now))
    for qubit, indices in open_delays.items():
        waits += [_Wait(index, qubit, last[qubit], num_layers) for index in indices]
    return {wait.index for wait in waits if _takes_part(wait, strategy, first)}


def _takes_part(wait: _Wait, strategy: Strategy, first: dict[Qubit, int]) -> bool:
    """Tell whether one of the layers that a qubit waits through twirls it."""
    if wait.up_to <= wait.behind:
        return False
    if strategy is Strategy.ACCUMULATED:
        return first.get(wait.qubit, wait.up_to + 1) <= wait.up_to
    return strategy is Strategy.ALL or wait.qubit in first
