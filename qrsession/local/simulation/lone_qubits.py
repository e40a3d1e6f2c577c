"""Single qubits without noise, for all points of a sweep at once: two amplitudes each.

Programs that twirl and change bases turn every qubit of a device at many random points. A qubit
that no other one is joined with needs no simulator for that.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, Parameter, ParameterExpression

from qrsession.local.simulation.parts import Part

_Amplitudes = NDArray[np.complex128]
_Angles = NDArray[np.float64]

_NOTHING = frozenset({"delay", "id"})


def _about_z(state: _Amplitudes, angles: _Angles) -> _Amplitudes:
    half = np.exp(0.5j * angles)
    return np.stack([state[0] / half, state[1] * half])


def _about_x(state: _Amplitudes, angles: _Angles) -> _Amplitudes:
    cosine, sine = np.cos(angles / 2), -1j * np.sin(angles / 2)
    return np.stack(
        [cosine * state[0] + sine * state[1], sine * state[0] + cosine * state[1]],
    )


def _about_y(state: _Amplitudes, angles: _Angles) -> _Amplitudes:
    cosine, sine = np.cos(angles / 2), np.sin(angles / 2)
    return np.stack(
        [cosine * state[0] - sine * state[1], sine * state[0] + cosine * state[1]],
    )


_ROTATIONS: dict[str, Callable[[_Amplitudes, _Angles], _Amplitudes]] = {
    "rz": _about_z,
    # It differs by a phase of all amplitudes, which nobody sees.
    "p": _about_z,
    "rx": _about_x,
    "ry": _about_y,
}


def chances_of_one(
    part: Part, columns: Mapping[Parameter, int], values: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return how likely a lone qubit is measured as 1, at each point of a sweep.

    Args:
        part: The qubit, with what is done to it.
        columns: The position of each parameter in ``values``.
        values: Values of parameters: float64, shape ``(points, parameters)``.

    Returns:
        Float64, shape ``(points,)``; None where the part is no single qubit that is turned by
        standard gates and then measured once.
    """
    gates = _gates_before_measuring(part.instructions) if len(part.qubits) == 1 else None
    if gates is None:
        return None
    state = np.zeros((2, len(values)), dtype=complex)
    state[0] = 1
    for gate in gates:
        rotation = _ROTATIONS.get(gate.name)
        if rotation is None:
            state = gate.operation.to_matrix() @ state
            continue
        angle = gate.operation.params[0]
        if isinstance(angle, Parameter):
            state = rotation(state, values[:, columns[angle]])
        else:
            state = rotation(state, np.array([float(angle)]))
    chances: NDArray[np.float64] = np.abs(state[1]) ** 2
    return chances


def _gates_before_measuring(
    instructions: Sequence[CircuitInstruction],
) -> list[CircuitInstruction] | None:
    gates = [one for one in instructions if one.name not in _NOTHING]
    if not gates or gates.pop().name != "measure":
        return None
    return gates if all(map(_is_turn, gates)) else None


def _is_turn(instruction: CircuitInstruction) -> bool:
    if not instruction.is_standard_gate():
        return False
    angles = instruction.operation.params
    if instruction.name in _ROTATIONS:
        # A formula of parameters is left to the simulator, which can work it out.
        is_formula = isinstance(angles[0], ParameterExpression)
        return not is_formula or isinstance(angles[0], Parameter)
    return not any(isinstance(angle, ParameterExpression) for angle in angles)
