"""How many shots of a circuit are run at once, so that few of its outcomes are held at a time.

Aer counts in objects of Python, which take a hundred bytes for each outcome: of a million shots on
20 qubits thirty times as much as the samples themselves. Shots are independent of each other, so a
few runs give what one does, and in these sizes take no longer: large tables are slow.
"""

from collections.abc import Iterator

from qiskit import QuantumCircuit

from qrsession.local.simulation.circuits.guarding import active_qubits, is_dynamic

# Fewer are run as one.
SHOTS_AT_ONCE = 2**15
# What Aer takes for a shot of a state that is there, and for a gate on one amplitude of it: with
# one thread, measured on 20 and 24 qubits.
_SHOT_S = 1e-5
_GATE_S = 4e-9
# The part of the time for shots that going through the gates again may take.
_MOST_EXTRA = 0.5


def portions(circuit: QuantumCircuit, shots: int) -> Iterator[int]:
    """Yield the shots of each run of a circuit: the same for equal circuits, and in all ``shots``.

    Where a state is made once and then sampled, it is made again for each; a deep circuit on many
    qubits is therefore run as one, or in few.

    Args:
        circuit: What is run, without noise.
        shots: Shots of one point.
    """
    number = -(-shots // SHOTS_AT_ONCE)
    if number > 1 and not is_dynamic(circuit):
        state_s = circuit.size() * 2.0 ** min(len(active_qubits(circuit)), 64) * _GATE_S
        number = min(number, 1 + int(_MOST_EXTRA * _SHOT_S * shots / max(state_s, _SHOT_S)))
    for at in range(number):
        yield shots * (at + 1) // number - shots * at // number
