"""How a circuit with noise is simulated: exactly where that is within reach, and by what.

The costs are those of one thread on a common machine, measured with chains of random gates on 2 to
16 qubits. They are right to a factor of two or three, which is enough to tell the methods apart.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from qiskit import QuantumCircuit

from qrsession.errors import JobFailedError
from qrsession.local.simulation.circuits.parts import parts_of
from qrsession.local.simulation.failures import failed
from qrsession.local.simulation.noise.cutting import Cut, number_of_operations
from qrsession.local.simulation.noise.deferring import deferred
from qrsession.local.simulation.noise.inserting import Method
from qrsession.protocol import faults
from qrsession.protocol.bounds import LONGEST_COST_S

# Each gate comes with a channel; and Aer has states twice while it works on them.
_PARTS_OF_GATE = 2
_COPIES = 2
_BYTES_OF_AMPLITUDE = 16
_MIB = 2**20
# Of a density matrix, per operation and number; of a shot, per operation, and per amplitude.
_MATRIX_OPERATION_S = 3e-5
_MATRIX_NUMBER_S = 4e-9
_SHOT_OPERATION_S = 2e-6
_SHOT_AMPLITUDE_S = 4e-9
# Nothing holds so many qubits, and no number is too large for a float up to here.
_WIDEST = 200
# What it costs to run one circuit more.
_RUN_S = 5e-3
# Nobody waits longer for what can be had in seconds as an approximation that says what it is.
_LONGEST_EXACT_S = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to simulate a circuit, or a part of one.

    Attributes:
        cut: The circuit.
        sampled: The same with all measurements at its end, where ``exact`` needs that.
        clbits: The position of each of its clbits in the whole circuit; None: it is that.
        exact: The method that gives its noise as it is; None where none can within the memory.
        exact_s: About how long that would take; infinite where none can.
    """

    cut: Cut
    sampled: Cut
    exact: Method | None
    exact_s: float
    clbits: tuple[int, ...] | None = None

    @property
    def width(self) -> int:
        """How many qubits are simulated."""
        return int(self.cut.circuit.num_qubits)

    @property
    def is_within_reach(self) -> bool:
        """Whether the exact method is the one to take even if there is another."""
        return self.exact is not None and self.exact_s <= _LONGEST_EXACT_S

    @property
    def is_possible(self) -> bool:
        """Whether the exact method ends before any job has to."""
        return self.exact is not None and self.exact_s <= LONGEST_COST_S


def plans_for(cut: Cut, shots: int, memory_mb: int) -> list[Plan]:
    """Choose what takes least time within a memory, for one point of a sweep.

    Args:
        cut: The circuit.
        shots: The shots of the point.
        memory_mb: Memory of the job, in MiB.

    Returns:
        One plan, or one for each part of the circuit that nothing joins with others.
    """
    whole = _plan(cut, None, shots, memory_mb)
    if cut.is_dynamic or whole.exact_s <= _RUN_S:
        return [whole]
    parts = [_plan(*part, shots, memory_mb) for part in _parts(cut)]
    costs_s = sum(part.exact_s + _RUN_S for part in parts)
    return parts if len(parts) > 1 and (costs_s < whole.exact_s or not whole.exact) else [whole]


def _parts(cut: Cut) -> Iterator[tuple[Cut, tuple[int, ...]]]:
    """Yield the parts of a circuit that does not branch, each with the places of its clbits."""
    for part in parts_of(cut.circuit):
        narrow = QuantumCircuit(
            [cut.circuit.qubits[place] for place in part.qubits],
            [cut.circuit.clbits[place] for place in part.clbits],
        )
        for instruction in part.instructions:
            narrow._append(instruction)  # noqa: SLF001 - checked before
        numbers = {qubit: cut.numbers[qubit] for qubit in narrow.qubits}
        own = Cut(narrow, numbers, is_dynamic=False, is_sampled=cut.is_sampled)
        yield own, tuple(part.clbits)


def _plan(cut: Cut, clbits: tuple[int, ...] | None, shots: int, memory_mb: int) -> Plan:
    """Choose the exact method that takes least time."""
    circuit, amplitudes = cut.circuit, 2.0 ** min(cut.circuit.num_qubits, _WIDEST)
    best = Plan(cut, cut, None, math.inf, clbits)
    if _fits(amplitudes, memory_mb):
        of_shot = _SHOT_OPERATION_S + _SHOT_AMPLITUDE_S * amplitudes
        cost_s = shots * _PARTS_OF_GATE * number_of_operations(circuit) * of_shot
        best = Plan(cut, cut, Method.STATEVECTOR, cost_s, clbits)
    if cut.is_dynamic:
        return best
    sampled = cut if cut.is_sampled else deferred(cut)
    numbers = 4.0 ** min(sampled.circuit.num_qubits, _WIDEST)
    if _fits(numbers, memory_mb):
        of_operation = _MATRIX_OPERATION_S + _MATRIX_NUMBER_S * numbers
        cost_s = _PARTS_OF_GATE * number_of_operations(sampled.circuit) * of_operation
        if cost_s < best.exact_s:
            best = Plan(cut, sampled, Method.DENSITY_MATRIX, cost_s, clbits)
    return best


def _fits(numbers: float, memory_mb: int) -> bool:
    return _COPIES * _BYTES_OF_AMPLITUDE * numbers <= memory_mb * _MIB


def out_of_reach(plan: Plan, memory_mb: int) -> JobFailedError:
    """Make the error of a circuit that is too wide for exact noise, and not Clifford."""
    if plan.exact is None:
        why = f"which needs more than the {memory_mb} MiB of memory that a job may use here"
    else:
        why = f"which would take about {plan.exact_s / 3600:.0f} hours"
    return failed(
        faults.SIMULATOR_ERROR,
        f"The circuit uses {plan.width} qubits with noise, {why}; and it is not Clifford, so its "
        "noise cannot be approximated by Pauli errors.",
        "Use fewer qubits or shots, or Clifford gates alone; or a runtime started with --ideal, "
        "which simulates without noise.",
    )
