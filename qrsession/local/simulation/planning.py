"""How a circuit with noise is simulated: exactly where that is within reach, and by what.

The costs are those of one thread on a common machine, measured with chains of random gates on 2 to
16 qubits. They are right to a factor of two or three, which is enough to tell the methods apart.
"""

from dataclasses import dataclass

from qrsession.errors import JobFailedError
from qrsession.local.simulation.cutting import Cut, number_of_operations
from qrsession.local.simulation.failures import failed
from qrsession.local.simulation.noising import Method
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
# Nobody waits longer for what can be had in seconds as an approximation that says what it is.
_LONGEST_EXACT_S = 600.0
_WIDEST = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """How to simulate a circuit.

    Attributes:
        exact: The method that gives its noise as it is; None where none can within the memory.
        exact_s: About how long that would take.
        width: How many qubits are simulated.
    """

    exact: Method | None
    exact_s: float
    width: int

    @property
    def is_within_reach(self) -> bool:
        """Whether the exact method is the one to take even if there is another."""
        return self.exact is not None and self.exact_s <= _LONGEST_EXACT_S

    @property
    def is_possible(self) -> bool:
        """Whether the exact method ends before any job has to."""
        return self.exact is not None and self.exact_s <= LONGEST_COST_S


def plan_for(cut: Cut, shots: int, memory_mb: int) -> Plan:
    """Choose the exact method that takes least time within a memory, for one point of a sweep."""
    width = cut.circuit.num_qubits
    if width > _WIDEST:
        return Plan(None, 0.0, width)
    operations = _PARTS_OF_GATE * number_of_operations(cut.circuit)
    amplitudes = 2**width
    costs: dict[Method, float] = {}
    if _fits(amplitudes, memory_mb):
        of_shot = _SHOT_OPERATION_S + _SHOT_AMPLITUDE_S * amplitudes
        costs[Method.STATEVECTOR] = shots * operations * of_shot
    if cut.is_sampled and _fits(amplitudes**2, memory_mb):
        of_operation = _MATRIX_OPERATION_S + _MATRIX_NUMBER_S * amplitudes**2
        costs[Method.DENSITY_MATRIX] = operations * of_operation
    if not costs:
        return Plan(None, 0.0, width)
    exact = min(costs, key=lambda method: costs[method])
    return Plan(exact, costs[exact], width)


def _fits(numbers: int, memory_mb: int) -> bool:
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
