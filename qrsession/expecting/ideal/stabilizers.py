"""Wide Clifford circuits: all outcomes are equally likely, and make an affine space.

Where the generators of a stabilizer state have an X or a Y, as rows of bits, they span the
differences between outcomes. Products of them without any, which fix parities of the outcome, are
linear equations that each outcome solves. Source: S. Aaronson and D. Gottesman, "Improved
simulation of stabilizer circuits", 2004, sections II and III.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Clifford, Operator

from qrsession.expecting.ideal.compiling import Unitary
from qrsession.expecting.ideal.limits import MOST_OUTCOMES, MOST_QUBITS, refuse
from qrsession.expecting.ideal.narrowing import Program
from qrsession.expecting.ideal.registers import Registers


def run_stabilizers(program: Program, registers: Registers) -> dict[str, float]:
    """Return the probabilities of the outcomes of gates and final measurements, by bitstring.

    Raises:
        CircuitError: A gate is no Clifford gate, or there are too many outcomes.
    """
    generators = _generators_of(_clifford_of(program))
    outcome, rows = _solve(generators)
    mask = sum(1 << qubit for qubit in {step.qubit for step in program.final})
    basis = _basis_of(row & mask for row in rows)
    if 1 << len(basis) > MOST_OUTCOMES:
        raise refuse(f"it has 2^{len(basis)} outcomes, more than {MOST_OUTCOMES}")
    values = {
        step.clbit: _column([row >> step.qubit & 1 for row in basis], outcome >> step.qubit & 1)
        for step in program.final
    }
    bitstrings = registers.bitstrings(0, values)
    return dict.fromkeys(bitstrings, 1.0 / len(bitstrings))


def _column(differences: list[int], first: int) -> NDArray[np.bool_]:
    """Return one bit of all outcomes: bool, shape ``(2 ** len(differences),)``."""
    column = np.array([first], np.bool_)
    for difference in differences:
        column = np.concatenate((column, column ^ bool(difference)))
    return column


def _clifford_of(program: Program) -> Clifford:
    circuit = QuantumCircuit(program.num_qubits)
    known: dict[bytes, QuantumCircuit] = {}
    for step in program.gates:
        key = step.matrix.tobytes()
        if key not in known:
            known[key] = _clifford_gate(step)
        circuit.compose(known[key], step.qubits, inplace=True)
    return Clifford(circuit)


def _clifford_gate(step: Unitary) -> QuantumCircuit:
    """Return a gate in h, s and the like, which a tableau takes column by column."""
    try:
        return Clifford.from_operator(Operator(step.matrix)).to_circuit()
    except QiskitError as error:
        raise refuse(
            f"more than {MOST_QUBITS} of its qubits matter, and not all of its gates are Clifford "
            "gates"
        ) from error


def _number(row: np.ndarray) -> int:
    """Return a row of bits, qubit 0 first, as a number."""
    return sum(1 << qubit for qubit in np.flatnonzero(row).tolist())


def _generators_of(clifford: Clifford) -> list[tuple[int, int, int]]:
    """Return the generators of what a Clifford makes of state 0: x, z and p of i^p X^x Z^z."""
    signed = zip(clifford.stab_x, clifford.stab_z, clifford.stab_phase, strict=True)
    found = []
    for x_row, z_row, sign in signed:
        x, z = _number(x_row), _number(z_row)
        # Y is i X Z.
        found.append((x, z, 2 * int(sign) + (x & z).bit_count()))
    return found


def _solve(generators: list[tuple[int, int, int]]) -> tuple[int, list[int]]:
    """Return one outcome, and independent differences that lead to all others."""
    rows: dict[int, tuple[int, int, int]] = {}
    equations: dict[int, tuple[int, int]] = {}
    for generator in generators:
        x, z, phase = generator
        while x and x.bit_length() in rows:
            other_x, other_z, other_phase = rows[x.bit_length()]
            phase += other_phase + 2 * (z & other_x).bit_count()
            x, z = x ^ other_x, z ^ other_z
        if x:
            rows[x.bit_length()] = (x, z, phase)
            continue
        parity = phase // 2 % 2
        while z and z.bit_length() in equations:
            other_z, other_parity = equations[z.bit_length()]
            z, parity = z ^ other_z, parity ^ other_parity
        if z:
            equations[z.bit_length()] = (z, parity)
    outcome = 0
    # From the lowest on, each equation settles the bit that it begins with.
    for length, (z, parity) in sorted(equations.items()):
        if (z & outcome).bit_count() % 2 != parity:
            outcome |= 1 << (length - 1)
    return outcome, [x for x, _, _ in rows.values()]


def _basis_of(rows: Iterable[int]) -> list[int]:
    """Return independent rows that span the same differences."""
    basis: list[int] = []
    for row in rows:
        rest = row
        for other in basis:
            rest = min(rest, rest ^ other)
        if rest:
            basis.append(rest)
    return basis
