"""The noise of a device, instruction by instruction, as channels made of what was measured.

A gate takes time, in which its qubits relax, and depolarizes them by as much as its measured error
asks for beyond that; a delay relaxes its qubit. The device is cold: qubits relax to state 0, so a
reset has no noise of its own, and neither has a qubit that is still in state 0. What takes no time
and has no error, such as ``rz``, has none. A measurement leaves the qubit as it finds it, and
may read the wrong bit.

Source: "Device backend noise model simulations" in Qiskit Aer's documentation, whose model this is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import Delay, Instruction
from qiskit.quantum_info import Kraus, SuperOp
from qiskit_aer.noise import QuantumError, pauli_error

from qrsession.duration import DELAY_UNITS_S
from qrsession.local.simulation.failures import not_valid
from qrsession.local.simulation.noise.calibration import Calibration, Placed, Qubits

Matrix = NDArray[np.complex128]
T = TypeVar("T")

# A device of 156 qubits has 1,200 gates; delays come in any length.
_MOST_REMEMBERED = 4096
_PAULIS: dict[str, Matrix] = {
    "I": np.array([[1, 0], [0, 1]], dtype=np.complex128),
    "X": np.array([[0, 1], [1, 0]], dtype=np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=np.complex128),
    "Z": np.array([[1, 0], [0, -1]], dtype=np.complex128),
}
_NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class Channel:
    """What noise does to some qubits.

    Attributes:
        matrix: The channel as a matrix on density matrices whose columns are stacked: complex128,
            shape ``(4**n, 4**n)`` for ``n`` qubits, the first qubit the least significant.
    """

    matrix: Matrix

    @cached_property
    def superoperator(self) -> Instruction:
        """The channel as one instruction on a density matrix."""
        return Instruction("superop", self._num_qubits, 0, [self.matrix])

    @cached_property
    def kraus(self) -> Instruction:
        """The channel as an instruction of which each run takes one branch at random."""
        operators = _kraus(self.matrix)
        # Aer tries one after another, and does no more than it must if the likeliest is first.
        operators.sort(key=lambda operator: -float(np.linalg.norm(operator)))
        return Instruction("kraus", self._num_qubits, 0, operators)

    @cached_property
    def pauli_chances(self) -> dict[str, float]:
        """The channel's Pauli twirl: the Pauli channel that is left when it is averaged over all.

        A Pauli's probability is its diagonal entry in the chi matrix. Coherences between Paulis
        are lost, which makes relaxation symmetric: excitation becomes as likely as decay. The last
        letter of a Pauli is the first qubit's.
        """
        dim = 2**self._num_qubits
        operators = _kraus(self.matrix)
        probabilities = {}
        for letters in product(_PAULIS, repeat=self._num_qubits):
            pauli = _tensor([_PAULIS[letter] for letter in letters])
            amplitudes = [np.trace(pauli @ operator) / dim for operator in operators]
            probability = float(sum(abs(amplitude) ** 2 for amplitude in amplitudes))
            if probability > _NEGLIGIBLE:
                probabilities["".join(letters)] = probability
        total = sum(probabilities.values())
        return {label: p / total for label, p in probabilities.items()}

    @cached_property
    def twirled(self) -> QuantumError:
        """The channel's Pauli twirl, as an error that Aer knows."""
        return pauli_error(list(self.pauli_chances.items()))

    @property
    def _num_qubits(self) -> int:
        return (len(self.matrix).bit_length() - 1) // 2


# A reset as a channel, which unlike the instruction leaves nothing to chance.
RESET = Channel(np.array([[1, 0, 0, 1], [0] * 4, [0] * 4, [0] * 4], dtype=np.complex128))
# What a measurement does to a qubit if nobody learns what was measured.
DEPHASING = Channel(np.diag([1, 0, 0, 1]).astype(np.complex128))


class DeviceNoise:
    """The channels of one device, each worked out when it is first used.

    A bounded number of them is remembered, so a circuit whose gates were used before costs nothing.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._gates: dict[Placed, Channel | None] = {}
        self._delays: dict[tuple[int, float], Channel | None] = {}

    def of_gate(self, name: str, qubits: Qubits) -> Channel | None:
        """Return what happens after a gate on these qubits of the device; None for nothing."""
        place = (name, qubits)
        return _remembered(self._gates, place, lambda: self._gate(place))

    def of_delay(self, delay: Delay, qubit: int) -> Channel | None:
        """Return what happens to a qubit of the device in a delay; None for nothing.

        Raises:
            JobFailedError: Nothing says how long it is.
        """
        key = (qubit, self._seconds(delay))
        return _remembered(self._delays, key, lambda: self._relaxation((qubit,), key[1]))

    def of_readout(self, qubit: int, variant: str | None) -> tuple[float, float]:
        """Return how likely a measurement reads a 1 of state 0, and a 0 of state 1.

        Args:
            qubit: The qubit of the device.
            variant: The name of the measurement, such as ``measure_2``; None for the usual one.
        """
        # The documents have one number for a variant, so neither direction is likelier there.
        error = None
        if variant is not None:
            error = self._calibration.gate_error.get((variant, (qubit,)))
        if error is not None:
            return error, error
        known = self._calibration.readout
        return known[qubit] if qubit < len(known) else (0.0, 0.0)

    def _gate(self, place: Placed) -> Channel | None:
        qubits = place[1]
        relaxation = self._relaxation(qubits, self._calibration.gate_length_s.get(place, 0.0))
        error = self._calibration.gate_error.get(place, 0.0)
        dim = 2 ** len(qubits)
        matrix = np.eye(dim**2, dtype=np.complex128) if relaxation is None else relaxation.matrix
        fidelity = _average_fidelity(matrix, dim)
        if error <= 1 - fidelity:
            # It is shorter than relaxation makes it, and nothing can be taken away from that.
            return relaxation
        # No channel is further from the identity than the first bound, nor is any depolarizing
        # channel stronger than the second.
        error = min(error, dim / (dim + 1))
        strength = dim * (fidelity - 1 + error) / (dim * fidelity - 1)
        strength = min(strength, dim**2 / (dim**2 - 1))
        return Channel(matrix @ _depolarizing(strength, dim))

    def _relaxation(self, qubits: Qubits, length_s: float) -> Channel | None:
        if length_s <= 0:
            return None
        known = self._calibration
        singles = [
            _relaxing(known.t1_s[qubit], known.t2_s[qubit], length_s)
            if qubit < len(known.t1_s)
            else np.eye(4, dtype=np.complex128)
            for qubit in qubits
        ]
        if all(np.array_equal(single, np.eye(4)) for single in singles):
            return None
        if len(singles) == 1:
            return Channel(singles[0])
        # The first qubit is the least significant, hence the last factor.
        factors = [_kraus(single) for single in reversed(singles)]
        operators = [_tensor(chosen) for chosen in product(*factors)]
        return Channel(np.sum([np.kron(one.conj(), one) for one in operators], axis=0))

    def _seconds(self, delay: Delay) -> float:
        duration, unit = delay.duration, delay.unit
        if unit == "dt":
            if self._calibration.dt_s is None:
                raise not_valid(
                    "A delay is in units of dt, and the device does not say what dt is."
                )
            return float(duration) * self._calibration.dt_s
        if unit not in DELAY_UNITS_S:
            raise not_valid(f"A delay has the unit {unit!r}, which says nothing of its length.")
        return float(duration) * DELAY_UNITS_S[unit]


def _remembered(
    known: "dict[T, Channel | None]", key: T, make: Callable[[], Channel | None]
) -> "Channel | None":
    if key not in known:
        while len(known) >= _MOST_REMEMBERED:
            del known[next(iter(known))]
        known[key] = make()
    return known[key]


def _relaxing(t1_s: float, t2_s: float, length_s: float) -> Matrix:
    """Return what a time does to one qubit: complex128, shape ``(4, 4)``."""
    stays, coheres = np.exp(-length_s / t1_s), np.exp(-length_s / t2_s)
    matrix: Matrix = np.diag([1, coheres, coheres, stays]).astype(np.complex128)
    matrix[0, 3] = 1 - stays
    return matrix


def _depolarizing(strength: float, dim: int) -> Matrix:
    mixed = np.eye(dim, dtype=np.complex128).reshape(-1, 1)
    matrix: Matrix = (1 - strength) * np.eye(dim**2) + strength / dim * (mixed @ mixed.T)
    return matrix


def _average_fidelity(matrix: Matrix, dim: int) -> float:
    return float((np.trace(matrix).real / dim + 1) / (dim + 1))


def _tensor(factors: Sequence[Matrix]) -> Matrix:
    tensor = factors[0]
    for factor in factors[1:]:
        tensor = np.kron(tensor, factor).astype(np.complex128)
    return tensor


def _kraus(matrix: Matrix) -> list[Matrix]:
    # Of a channel, as all of these are, there is one list of operators and not a pair of lists.
    return list(Kraus(SuperOp(matrix)).data)
