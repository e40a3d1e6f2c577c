"""Dynamical decoupling: delays filled with pulses that together do nothing.

What disturbs a qubit slowly is turned against itself, and a qubit that would decay from state 1
spends half of the time in state 0. A sequence of n pulses parts a delay into n + 1 pieces, those
at the ends half as long as the others. The pieces are multiples of the device's alignment; what is
over goes where ``slack`` says. A delay that the pulses do not fit into stays as it is, and so does
one whose length is a parameter.

Qubits that wait without a delay have no noise in this simulation, so only delays that a circuit has
are filled: schedule a circuit to have them, or write them. How the service would schedule what has
no delays, ``alap`` or ``asap``, makes no difference then.
Source: "DynamicalDecouplingOptions" of the API reference.
"""

import math
from collections.abc import Iterator

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Delay, Gate

from qrsession.duration import DELAY_UNITS_S
from qrsession.local.simulation.noise.calibration import Calibration
from qrsession.local.simulation.treatment.natives import Natives
from qrsession.protocol.treatment import Decoupling

_KEEPS_ZERO = ("reset", "delay", "barrier")
# A length in seconds is a whole number of steps up to rounding.
_ROUNDING = 1e-6


def decoupled(
    circuit: QuantumCircuit, decoupling: Decoupling, calibration: Calibration, natives: Natives
) -> QuantumCircuit:
    """Return a circuit with its delays filled.

    Args:
        circuit: What `prepared` returned; its qubit i is the device's qubit i.
        decoupling: How they are filled.
        calibration: How long the device's pulses and time steps are.
        natives: The gates that the pulses are made of.
    """
    if calibration.dt_s is None:
        return circuit
    target = circuit.copy_empty_like()
    filler = _Filler(decoupling, calibration, natives)
    is_zero = dict.fromkeys(circuit.qubits, True)
    for instruction in circuit.data:
        filled = None
        if instruction.name == "delay":
            (qubit,) = instruction.qubits
            if not (decoupling.skips_reset_qubits and is_zero[qubit]):
                filled = filler.fill(instruction, circuit.find_bit(qubit).index)
        elif instruction.name.startswith("reset"):
            is_zero[instruction.qubits[0]] = True
        elif instruction.name not in _KEEPS_ZERO:
            is_zero.update(dict.fromkeys(instruction.qubits, False))
        if filled is None:
            target._append(instruction)  # noqa: SLF001 - checked before
            continue
        for operation in filled:
            target._append(operation, instruction.qubits, ())  # noqa: SLF001 - checked before
    return target


class _Filler:
    """Fills one delay after another."""

    def __init__(self, decoupling: Decoupling, calibration: Calibration, natives: Natives) -> None:
        self._decoupling = decoupling
        self._calibration = calibration
        self._pulse_name = natives.x.name
        self._pulses = _pulses(decoupling.sequence, natives)

    def fill(self, instruction: CircuitInstruction, qubit: int) -> list[Gate | Delay] | None:
        """Return what a delay becomes; None where it stays as it is."""
        delay = instruction.operation
        steps = self._steps(delay)
        if steps is None:
            return None
        whole = math.floor(steps + _ROUNDING)
        length_s = self._calibration.gate_length_s.get((self._pulse_name, (qubit,)), 0.0)
        length = round(length_s / self._dt_s)
        pieces = self._pieces(whole - length * len(self._pulses))
        if pieces is None:
            return None
        filled: list[Gate | Delay] = []
        for place, piece in enumerate(pieces):
            if place:
                filled += self._pulses[place - 1]
            # What a length in seconds is beyond whole steps is not lost.
            filled += _delay(piece + (steps - whole) * (place == 0), delay.unit, self._dt_s)
        return filled

    @property
    def _dt_s(self) -> float:
        return self._calibration.dt_s or math.nan

    def _steps(self, delay: Delay) -> float | None:
        """Return how many of the device's time steps a delay takes; None if that is not known."""
        duration = delay.duration
        if isinstance(duration, bool) or not isinstance(duration, int | float):
            return None
        if delay.unit == "dt":
            return float(duration)
        scale = DELAY_UNITS_S.get(delay.unit)
        return None if scale is None else duration * scale / self._dt_s

    def _pieces(self, free: int) -> list[int] | None:
        """Share out free time between the pulses, in time steps."""
        number, alignment = len(self._pulses), self._calibration.alignment_dt
        if free < 0:
            return None
        ends, between = (free / number / part // alignment * alignment for part in (2, 1))
        pieces = [int(ends), *[int(between)] * (number - 1), int(ends)]
        over = free - sum(pieces)
        if self._decoupling.slack == "edges":
            first = over // 2 // alignment * alignment
            pieces[0] += first
            pieces[-1] += over - first
        else:
            pieces[number // 2] += over
        return pieces


def _pulses(sequence: str, natives: Natives) -> list[list[Gate]]:
    """Return the pulses of a sequence, each as gates in their order: one of them takes time."""
    x, rz, pi = natives.x, natives.rz, math.pi
    match sequence:
        case "XpXm":
            return [[x], [rz(pi), x, rz(-pi)]]
        case "XY4":
            return [[x], [x, rz(pi)], [rz(pi), x, rz(-pi)], [x, rz(-pi)]]
        case _:
            return [[x], [x]]


def _delay(steps: float, unit: str, dt_s: float) -> Iterator[Delay]:
    if steps <= 0:
        return
    if unit == "dt":
        yield Delay(round(steps), "dt")
    else:
        yield Delay(steps * dt_s / DELAY_UNITS_S[unit], unit)
