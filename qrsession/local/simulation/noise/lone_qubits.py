"""Single qubits, for all points of a sweep at once: a density matrix each, of two by two.

Programs that twirl and change bases turn every qubit of a device at many random points. A qubit
that no other one is joined with needs no simulator for that, with noise or without.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, Parameter, ParameterExpression

from qrsession.local.simulation.noise.channels import Channel, DeviceNoise

# Complex128: of turns and states, shape (points or 1, 2, 2).
_Matrices = NDArray[np.complex128]
_Angles = NDArray[np.float64]


def _matrices(rows: Sequence[Sequence[NDArray[Any] | float]], points: int) -> _Matrices:
    """Make a matrix for each point of its entries, of which each has a value for each point."""
    matrices = np.empty((points, 2, 2), dtype=np.complex128)
    for row, entries in enumerate(rows):
        for column, entry in enumerate(entries):
            matrices[:, row, column] = entry
    return matrices


def _about_z(angles: _Angles) -> _Matrices:
    half = np.exp(0.5j * angles)
    return _matrices([[half.conj(), 0.0], [0.0, half]], len(angles))


def _about_x(angles: _Angles) -> _Matrices:
    cosine, sine = np.cos(angles / 2), -1j * np.sin(angles / 2)
    return _matrices([[cosine, sine], [sine, cosine]], len(angles))


def _about_y(angles: _Angles) -> _Matrices:
    cosine, sine = np.cos(angles / 2), np.sin(angles / 2)
    return _matrices([[cosine, -sine], [sine, cosine]], len(angles))


_ROTATIONS: dict[str, Callable[[_Angles], _Matrices]] = {
    "rz": _about_z,
    # It differs by a phase of both amplitudes, which nobody sees.
    "p": _about_z,
    "rx": _about_x,
    "ry": _about_y,
}


@dataclass(frozen=True, slots=True)
class LoneQubit:
    """A qubit that is turned by standard gates and then measured once.

    Attributes:
        instructions: What is done to it, the measurement at the end.
        number: Its number on the device.
    """

    instructions: Sequence[CircuitInstruction]
    number: int

    @classmethod
    def of(cls, instructions: Sequence[CircuitInstruction], number: int) -> "LoneQubit | None":
        """Return the qubit that instructions are about; None where it is no such one."""
        *turns, last = instructions
        is_one = last.name == "measure" and all(map(_is_turn, turns))
        return cls(instructions, number) if is_one else None

    def is_one(
        self,
        columns: Mapping[Parameter, int],
        values: NDArray[np.float64],
        noise: DeviceNoise | None,
    ) -> NDArray[np.float64]:
        """Return how likely the qubit is in state 1, at each point of a sweep.

        Args:
            columns: The position of each parameter in ``values``.
            values: Values of parameters: float64, shape ``(points, parameters)``.
            noise: The noise of the device whose qubit it is, if any.

        Returns:
            Float64, shape ``(points,)``.

        Raises:
            JobFailedError: A delay has no length.
        """
        states = np.zeros((len(values), 2, 2), dtype=np.complex128)
        states[:, 0, 0] = 1
        for turn in self.instructions[:-1]:
            if turn.name != "delay":
                matrices = _turn(turn, columns, values)
                states = matrices @ states @ matrices.conj().swapaxes(1, 2)
            if noise is not None:
                states = _disturbed(states, _channel(turn, self.number, noise))
        ones: NDArray[np.float64] = np.clip(states[:, 1, 1].real, 0.0, 1.0)
        return ones

    def is_read_as_one(
        self,
        columns: Mapping[Parameter, int],
        values: NDArray[np.float64],
        noise: DeviceNoise | None,
    ) -> NDArray[np.float64]:
        """Return how likely the qubit is read as 1; arguments are those of `is_one`."""
        ones = self.is_one(columns, values, noise)
        if noise is None:
            return ones
        one_of_zero, zero_of_one = noise.of_readout(self.number, self.instructions[-1].label)
        return ones * (1 - zero_of_one) + (1 - ones) * one_of_zero


def _is_turn(instruction: CircuitInstruction) -> bool:
    formulas = [p for p in instruction.operation.params if isinstance(p, ParameterExpression)]
    if instruction.name == "delay":
        return not formulas
    # A formula of parameters is left to the simulator, which can work it out.
    is_plain = instruction.name in _ROTATIONS and all(isinstance(p, Parameter) for p in formulas)
    return instruction.is_standard_gate() and (not formulas or is_plain)


def _turn(
    gate: CircuitInstruction, columns: Mapping[Parameter, int], values: NDArray[np.float64]
) -> _Matrices:
    rotation = _ROTATIONS.get(gate.name)
    if rotation is None:
        matrix: _Matrices = gate.operation.to_matrix()
        return matrix.reshape(1, 2, 2)
    angle = gate.operation.params[0]
    is_free = isinstance(angle, Parameter)
    return rotation(values[:, columns[angle]] if is_free else np.array([float(angle)]))


def _channel(turn: CircuitInstruction, qubit: int, noise: DeviceNoise) -> Channel | None:
    if turn.name == "delay":
        return noise.of_delay(turn.operation, qubit)
    return noise.of_gate(turn.name, (qubit,))


def _disturbed(states: _Matrices, channel: Channel | None) -> _Matrices:
    if channel is None:
        return states
    # Channels act on density matrices whose columns are stacked.
    columns = states.swapaxes(1, 2).reshape(-1, 4)
    disturbed: _Matrices = (columns @ channel.matrix.T).reshape(-1, 2, 2).swapaxes(1, 2)
    return disturbed
