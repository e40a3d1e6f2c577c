"""State vectors that part where something is measured, each with its classical bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qrsession.expecting.ideal.compiling import (
    Choice,
    Leaving,
    Measurement,
    Repetition,
    Resetting,
    Rounds,
    Step,
    Unitary,
)
from qrsession.expecting.ideal.limits import (
    MOST_AMPLITUDES,
    MOST_BRANCHES,
    MOST_OUTCOMES,
    MOST_STEPS,
    MOST_WORK,
    NEGLIGIBLE,
    refuse,
)
from qrsession.expecting.ideal.narrowing import Program
from qrsession.expecting.ideal.registers import Registers

State = NDArray[np.complex128]
_Flow: TypeAlias = Measurement | Resetting | Choice | Repetition | Rounds | Leaving
# Where gates change more amplitudes than that, Aer is worth its start.
_MOST_BY_NUMPY = 2**23


@dataclass(frozen=True, eq=False)
class _Branch:
    """One course of measurements.

    Attributes:
        state: The state vector: one axis of length 2 a qubit, the last qubit first. The square of
            its norm is the probability of the course.
        bits: The values of the classical bits, bit 0 for classical bit 0.
        leaving: The statement by which it is leaving a loop, if any.
    """

    state: State
    bits: int = 0
    leaving: Leaving | None = None


def run_branches(program: Program, registers: Registers) -> dict[str, float]:
    """Return the probabilities of a program's outcomes by bitstring.

    Raises:
        CircuitError: There are too many branches or outcomes, or too much to work out.
    """
    start = np.zeros((2,) * program.num_qubits, np.complex128)
    start[(0,) * program.num_qubits] = 1.0
    machine = _Machine(program.num_qubits)
    outcomes: dict[str, float] = {}
    for branch in machine.run(program.steps, [_Branch(start)]):
        for bits, probability in _outcomes(branch, program.final, registers):
            outcomes[bits] = outcomes.get(bits, 0.0) + probability
        if len(outcomes) > MOST_OUTCOMES:
            raise _too_many_outcomes()
    # What rounding has lost is spread over all.
    whole = sum(outcomes.values())
    return {bits: value / whole for bits, value in outcomes.items()}


class _Machine:
    """Runs steps, and counts what that takes."""

    def __init__(self, num_qubits: int) -> None:
        self._num_qubits = num_qubits
        self._work = 0
        self._steps = 0

    def run(self, steps: Sequence[Step], branches: list[_Branch]) -> list[_Branch]:
        """Take branches through steps; those that leave a loop on the way stand first."""
        left: list[_Branch] = []
        gates: list[Unitary] = []
        for step in steps:
            if isinstance(step, Unitary):
                # Gates are applied together: that is what Aer is good at.
                gates.append(step)
                continue
            branches = self._take(step, self._evolve_all(gates, branches))
            gates = []
            left += [branch for branch in branches if branch.leaving]
            branches = [branch for branch in branches if not branch.leaving]
            if not branches:
                return left
        return left + self._evolve_all(gates, branches)

    def _take(self, step: _Flow, branches: list[_Branch]) -> list[_Branch]:
        self._steps += len(branches)
        if self._steps > MOST_STEPS:
            raise refuse(f"its measurements and branches take more than {MOST_STEPS} steps")
        if isinstance(step, Measurement | Resetting):
            parts = [part for branch in branches for part in _parts(step, branch)]
            if len(parts) > MOST_BRANCHES or len(parts) << self._num_qubits > MOST_AMPLITUDES:
                raise refuse(
                    "it measures on the way, and its courses are too many: at most "
                    f"{MOST_BRANCHES}, and {MOST_AMPLITUDES} amplitudes together"
                )
            return parts
        if isinstance(step, Leaving):
            return [replace(branch, leaving=step) for branch in branches]
        if isinstance(step, Choice):
            return self._choose(step, branches)
        if isinstance(step, Rounds):
            return self._go_round(step, branches)
        return self._repeat(step, branches)

    def _choose(self, step: Choice, branches: list[_Branch]) -> list[_Branch]:
        chosen: dict[int, list[_Branch]] = {}
        for branch in branches:
            value = step.reading(branch.bits)
            fits = (
                at
                for at, (values, _) in enumerate(step.blocks)
                if values is None or value in values
            )
            chosen.setdefault(next(fits, -1), []).append(branch)
        done = chosen.pop(-1, [])
        for at, some in chosen.items():
            done += self.run(step.blocks[at][1], some)
        return done

    def _go_round(self, step: Rounds, branches: list[_Branch]) -> list[_Branch]:
        done: list[_Branch] = []
        for block in step.blocks:
            branches = self._end_of_round(self.run(block, branches), done)
        return done + branches

    def _repeat(self, step: Repetition, branches: list[_Branch]) -> list[_Branch]:
        done: list[_Branch] = []
        while True:
            self._steps += len(branches)
            if self._steps > MOST_STEPS:
                raise refuse("a loop does not end")
            done += [branch for branch in branches if not step.reading(branch.bits)]
            branches = [branch for branch in branches if step.reading(branch.bits)]
            if not branches:
                return done
            branches = self._end_of_round(self.run(step.block, branches), done)

    @staticmethod
    def _end_of_round(branches: list[_Branch], done: list[_Branch]) -> list[_Branch]:
        """Add those that left the loop to the ones that are done, and return the others."""
        goes_on: list[_Branch] = []
        for branch in branches:
            is_out = branch.leaving is not None and branch.leaving.is_break
            (done if is_out else goes_on).append(replace(branch, leaving=None))
        return goes_on

    def _evolve_all(self, gates: Sequence[Unitary], branches: list[_Branch]) -> list[_Branch]:
        return [self._evolve(gates, branch) for branch in branches] if gates else branches

    def _evolve(self, gates: Sequence[Unitary], branch: _Branch) -> _Branch:
        work = len(gates) * branch.state.size
        self._work += work
        if self._work > MOST_WORK:
            raise refuse("it has too many gates for its width")
        if work > _MOST_BY_NUMPY:
            return replace(branch, state=_evolve_by_aer(gates, branch.state))
        state = branch.state
        for gate in gates:
            state = _apply(gate, state)
        return replace(branch, state=state)


def _apply(gate: Unitary, state: State) -> State:
    count = len(gate.qubits)
    # The first axis of the matrix is its most significant qubit, which is the gate's last.
    axes = [state.ndim - 1 - qubit for qubit in reversed(gate.qubits)]
    matrix = gate.matrix.reshape((2,) * (2 * count))
    product = np.tensordot(matrix, state, axes=(range(count, 2 * count), axes))
    return np.moveaxis(product, range(count), axes)


def _evolve_by_aer(gates: Sequence[Unitary], state: State) -> State:
    # Imported here, since few circuits are so large and it takes a third of a second.
    from qiskit import QuantumCircuit  # noqa: PLC0415
    from qiskit_aer import AerSimulator  # noqa: PLC0415

    circuit = QuantumCircuit(state.ndim)
    circuit.set_statevector(state.ravel())
    for gate in gates:
        circuit.unitary(gate.matrix, gate.qubits)
    circuit.save_statevector()
    result = AerSimulator(method="statevector", precision="double").run(circuit, shots=1).result()
    if not result.success:
        raise refuse("the machine has too little memory for it")
    return np.asarray(result.data(0)["statevector"]).reshape(state.shape)


def _parts(step: Measurement | Resetting, branch: _Branch) -> list[_Branch]:
    """Return what a branch parts into where one of its qubits is looked at."""
    axis = branch.state.ndim - 1 - step.qubit
    parts = []
    for value in (0, 1):
        half = np.take(branch.state, value, axis=axis)
        if float(np.vdot(half, half).real) <= NEGLIGIBLE:
            continue
        after = value if isinstance(step, Measurement) else 0
        halves = (half, np.zeros_like(half))
        state = np.stack(halves if after == 0 else halves[::-1], axis=axis)
        bits = branch.bits
        if isinstance(step, Measurement):
            bits = bits & ~(1 << step.clbit) | value << step.clbit
        parts.append(replace(branch, state=state, bits=bits))
    return parts


def _outcomes(
    branch: _Branch, final: Sequence[Measurement], registers: Registers
) -> list[tuple[str, float]]:
    """Return the bitstrings of a branch and their probabilities."""
    num_qubits = branch.state.ndim
    measured = sorted({step.qubit for step in final}, reverse=True)
    others = tuple(num_qubits - 1 - qubit for qubit in range(num_qubits) if qubit not in measured)
    # At least one axis: the array of a circuit that only measures on the way has none left.
    probabilities = np.atleast_1d((np.abs(branch.state) ** 2).sum(axis=others))
    places = np.nonzero(probabilities > NEGLIGIBLE)
    values: Mapping[int, NDArray[np.bool_]] = {
        step.clbit: places[measured.index(step.qubit)].astype(np.bool_) for step in final
    }
    found = probabilities[places]
    if found.size > MOST_OUTCOMES:
        raise _too_many_outcomes()
    bitstrings = registers.bitstrings(branch.bits, values)
    return list(zip(bitstrings, found.tolist(), strict=True))


def _too_many_outcomes() -> Exception:
    return refuse(f"it has more than {MOST_OUTCOMES} outcomes")
