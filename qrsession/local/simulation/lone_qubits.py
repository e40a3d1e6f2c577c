"""Single qubits, for all points of a sweep at once: a density matrix each, of two by two.

Programs that twirl and change bases turn every qubit of a device at many random points. A qubit
that no other one is joined with needs no simulator for that, with noise or without.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, Parameter, ParameterExpression

from qrsession.local.simulation.noise import Channel, DeviceNoise
from qrsession.local.simulation.parts import Part

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


def chances_of_one(
    part: Part,
    columns: Mapping[Parameter, int],
    values: NDArray[np.float64],
    noise: DeviceNoise | None = None,
) -> NDArray[np.float64] | None:
    """Return how likely a lone qubit is read as 1, at each point of a sweep.

    Args:
        part: The qubit, with what is done to it.
        columns: The position of each parameter in ``values``.
        values: Values of parameters: float64, shape ``(points, parameters)``.
        noise: The noise of the device whose qubit it is, if any.

    Returns:
        Float64, shape ``(points,)``; None where the part is no single qubit that is turned by
        standard gates and then measured once.

    Raises:
        JobFailedError: A delay has no length.
    """
    if len(part.qubits) != 1 or not _is_turned_and_measured(part.instructions):
        return None
    (qubit,) = part.qubits
    *turns, measurement = part.instructions
    states = np.zeros((len(values), 2, 2), dtype=np.complex128)
    states[:, 0, 0] = 1
    for turn in turns:
        if turn.name != "delay":
            matrices = _turn(turn, columns, values)
            states = matrices @ states @ matrices.conj().swapaxes(1, 2)
        if noise is not None:
            states = _disturbed(states, _channel(turn, qubit, noise))
    ones: NDArray[np.float64] = states[:, 1, 1].real
    if noise is None:
        return ones
    one_of_zero, zero_of_one = noise.of_readout(qubit, measurement.label)
    return ones * (1 - zero_of_one) + (1 - ones) * one_of_zero


def _is_turned_and_measured(instructions: Sequence[CircuitInstruction]) -> bool:
    *turns, last = instructions
    return last.name == "measure" and all(map(_is_turn, turns))


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
