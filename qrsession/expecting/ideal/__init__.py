"""What comes out of a circuit without noise, exactly: the probability of each outcome.

A circuit is compiled to steps (`compiling`, with the conditions of its branches in `conditions`);
those that decide nothing are left out (`narrowing`). The rest is run on state vectors
(`branching`), which part where something is measured on the way. A Clifford circuit that is too
wide for that, and only measures at its end, is one of `stabilizers`. Nothing is sampled and nothing
is approximated: what cannot be worked out exactly is refused.
"""

from qiskit import QuantumCircuit

from qrsession.expecting.agreement import Distribution
from qrsession.expecting.ideal.branching import run_branches
from qrsession.expecting.ideal.compiling import compile_circuit
from qrsession.expecting.ideal.limits import MOST_QUBITS, refuse
from qrsession.expecting.ideal.narrowing import narrow
from qrsession.expecting.ideal.registers import Registers
from qrsession.expecting.ideal.stabilizers import run_stabilizers

# Part of the keys under which distributions are kept: what another version worked out is not found.
IDEAL_VERSION = 1


def ideal_distribution(circuit: QuantumCircuit) -> Distribution:
    """Return the distribution of a circuit's outcomes, exact but for rounding.

    Bitstrings have bit 0 on the right; registers are joined by a space, the last declared first.
    Outcomes of a probability below 1e-15, which is the order of rounding errors, are left out.

    Args:
        circuit: A circuit whose parameters all have values.

    Raises:
        CircuitError: It takes more than `MOST_QUBITS` qubits and is no Clifford circuit, has too
            many outcomes or branches, or an instruction that nothing defines.
    """
    registers = Registers(circuit)
    program = narrow(compile_circuit(circuit))
    if program.num_qubits <= MOST_QUBITS:
        return Distribution(run_branches(program, registers))
    if program.has_branches:
        raise refuse(
            f"{program.num_qubits} of its qubits matter, and it measures on the way; such circuits "
            f"are simulated up to {MOST_QUBITS}"
        )
    return Distribution(run_stabilizers(program, registers))
