"""Clifford circuits with Pauli errors, all shots at once.

One run without errors gives outcomes that are possible. Each shot differs from it by a Pauli, its
frame: errors put Paulis into it, gates carry it on, and a measurement reads the other bit where the
frame flips the qubit. What nothing determines, such as the phase of a qubit that is in state 0 or
was just measured, is drawn at random, which makes of one possible outcome all of them.

Source: C. Gidney, "Stim: a fast stabilizer circuit simulator", Quantum 5, 497 (2021).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction

from qrsession.local.simulation.noise.channels import Channel, DeviceNoise
from qrsession.local.simulation.noise.clifford import CliffordGates, conjugations
from qrsession.local.simulation.noise.cutting import Cut
from qrsession.local.simulation.outcomes import Outcomes, counted

_Bits = NDArray[np.bool_]
# Two bits for each qubit and shot: some tens of megabytes.
_SHOTS_AT_ONCE = 100_000
_BITS_OF_BYTE = 8


def with_frames(cut: Cut, noise: DeviceNoise, reference: _Bits, shots: int, seed: int) -> Outcomes:
    """Return the outcomes of a circuit with Pauli-twirled noise.

    Args:
        cut: A circuit without parameters that does not branch, and that `CliffordGates` accept.
        noise: The noise of the device.
        reference: An outcome that is possible without noise: bool, shape ``(clbits,)``.
        shots: How many shots there are.
        seed: What all randomness comes from.

    Raises:
        JobFailedError: A delay has no length.
    """
    rng = np.random.default_rng(seed)
    width = len(reference)
    packed = [
        np.packbits(_Frames(cut, noise, number, rng).flips() ^ reference, axis=1, bitorder="little")
        for number in _portions(shots)
    ]
    return counted(np.concatenate(packed), width)


def _portions(shots: int) -> Iterator[int]:
    for start in range(0, shots, _SHOTS_AT_ONCE):
        yield min(_SHOTS_AT_ONCE, shots - start)


class _Frames:
    """The frames of some shots: bits with a row for each qubit and a column for each shot."""

    def __init__(self, cut: Cut, noise: DeviceNoise, shots: int, rng: np.random.Generator) -> None:
        circuit = cut.circuit
        self._cut = cut
        self._noise = noise
        self._shots = shots
        self._rng = rng
        self._gates = CliffordGates()
        self._rows = {qubit: row for row, qubit in enumerate(circuit.qubits)}
        self._x = np.zeros((circuit.num_qubits, shots), dtype=bool)
        self._z = rng.integers(2, size=(circuit.num_qubits, shots), dtype=np.uint8).astype(bool)

    def flips(self) -> _Bits:
        """Return where each shot differs from the reference: shape ``(shots, clbits)``."""
        circuit = self._cut.circuit
        places = {clbit: place for place, clbit in enumerate(circuit.clbits)}
        flips = np.zeros((len(places), self._shots), dtype=bool)
        for part in circuit.data:
            rows = [self._rows[qubit] for qubit in part.qubits]
            numbers = tuple(self._cut.numbers[qubit] for qubit in part.qubits)
            if part.name == "measure":
                flips[places[part.clbits[0]]] = self._x[rows[0]]
                self._z[rows[0]] = self._random()
            elif part.name == "reset":
                self._x[rows[0]], self._z[rows[0]] = False, self._random()
            elif part.name == "delay":
                self._disturb(rows, self._noise.of_delay(part.operation, numbers[0]))
            elif part.name != "barrier":
                self._carry(part)
                self._disturb(rows, self._noise.of_gate(part.name, numbers))
        return flips.T

    def _random(self) -> _Bits:
        return self._rng.integers(2, size=self._shots, dtype=np.uint8).astype(bool)

    def _carry(self, gate: CircuitInstruction) -> None:
        """Carry frames through a gate."""
        for part in self._gates.rewritten(gate) or ():
            rows = [self._rows[qubit] for qubit in part.qubits]
            before = [(self._x[row].copy(), self._z[row].copy()) for row in rows]
            for place, row in enumerate(rows):
                self._x[row], self._z[row] = False, False
                for (x, z), (of_x, of_z) in zip(before, conjugations(part.name), strict=True):
                    for bits, (dx, dz) in ((x, of_x), (z, of_z)):
                        if dx >> place & 1:
                            self._x[row] ^= bits
                        if dz >> place & 1:
                            self._z[row] ^= bits

    def _disturb(self, rows: Sequence[int], channel: Channel | None) -> None:
        """Draw an error for each shot."""
        if channel is None:
            return
        chances = channel.pauli_chances
        bounds = np.cumsum(list(chances.values()))
        drawn = np.searchsorted(bounds, self._rng.random(self._shots) * bounds[-1], side="right")
        for place, row in enumerate(rows):
            # The last letter is the first qubit's.
            letters = [label[-1 - place] for label in chances]
            self._x[row] ^= np.array([letter in "XY" for letter in letters])[drawn]
            self._z[row] ^= np.array([letter in "ZY" for letter in letters])[drawn]
