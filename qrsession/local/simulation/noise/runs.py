"""Circuits on a twin with noise: cut down, given their noise, run, and read as the device reads."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qrsession.local.simulation.noise.channels import DeviceNoise
from qrsession.local.simulation.noise.clifford import CliffordGates
from qrsession.local.simulation.noise.cutting import Cut, cut
from qrsession.local.simulation.noise.frames import with_frames
from qrsession.local.simulation.noise.inserting import Method, NoisyCircuit, with_noise
from qrsession.local.simulation.noise.lone_qubits import LoneQubit
from qrsession.local.simulation.noise.planning import Plan, out_of_reach, plans_for
from qrsession.local.simulation.noise.readout import misread
from qrsession.local.simulation.outcomes import (
    Outcomes,
    Wanted,
    derive_seed,
    joined,
    outcomes_of,
)
from qrsession.local.simulation.twin import Twin

# Points of a sweep, or circuits, that go to Aer at once: enough to share the cost of a call, few
# in memory.
_POINTS_AT_ONCE = 500
_CIRCUITS_AT_ONCE = 100
# Beyond it a circuit takes so long that nothing is gained by sharing a call.
_LONGEST_SHARED_S = 0.02

Values = NDArray[np.float64]
Binds = dict[Any, Values] | None
Execute = Callable[[Sequence[NoisyCircuit], Binds, int, int, Method], Sequence[Any]]


class Noise(Enum):
    """What there is of a device's noise in a result; the value is what its metadata say."""

    NONE = "none"
    EXACT = "exact"
    PAULI_TWIRLED = "pauli_twirled"


class Way(NamedTuple):
    """How a circuit was simulated. ``method`` is None where nothing was left to simulate."""

    noise: Noise
    method: Method | None


@dataclass(frozen=True, slots=True)
class _Run:
    """What is run: a circuit that was cut, or a part of it, at points of a sweep."""

    cut: Cut
    values: Values
    shots: int
    seed: int
    noise: DeviceNoise

    def of(self, plan: Plan) -> "_Run":
        """Return the run of what a plan is about."""
        if plan.clbits is None:
            return self
        columns = {parameter: i for i, parameter in enumerate(self.cut.circuit.parameters)}
        return replace(
            self,
            cut=plan.cut,
            values=self.values[:, [columns[name] for name in plan.cut.circuit.parameters]],
            seed=derive_seed(self.seed, "part", *plan.clbits),
        )


class NoisyRuns:
    """Runs circuits with noise, and remembers that of the last device.

    Args:
        execute: Runs circuits with noise on Aer: circuits, values by parameter, shots, seed and
            method; returns one of Aer's results for each circuit, or for each point of one.
        memory_mb: Memory of a job, in MiB.
    """

    def __init__(self, execute: Execute, memory_mb: int) -> None:
        self._execute = execute
        self._memory_mb = memory_mb
        self._known: tuple[Twin, DeviceNoise] | None = None

    def run(
        self, wanted: Sequence[Wanted], twin: Twin
    ) -> list[Iterator[tuple[set[Way], Outcomes]]]:
        """Run circuits, each for all of its points, as `Simulator.run` does.

        Raises:
            JobFailedError: One is too wide, or Aer cannot run it.
        """
        noise = self.noise_of(twin)
        runs = []
        for one in wanted:
            small = cut(one.circuit, noise)
            # The rows are those of the whole circuit; what was cut off may have had parameters.
            columns = {parameter: i for i, parameter in enumerate(one.circuit.parameters)}
            values = one.values[:, [columns[name] for name in small.circuit.parameters]]
            run = _Run(small, values, one.shots, one.seed, noise)
            runs.append((run, plans_for(small, run.shots, self._memory_mb)))
        shared = self._shared(runs) if len(runs) > 1 else {}
        return [
            self._read(run, shared[i] if i in shared else self._true(run, plans))
            for i, (run, plans) in enumerate(runs)
        ]

    def noise_of(self, twin: Twin) -> DeviceNoise:
        """Return the noise of a device, with all that is known of it so far."""
        if self._known is None or self._known[0] is not twin:
            self._known = (twin, DeviceNoise(twin.calibration))
        return self._known[1]

    def _read(
        self, run: _Run, results: Iterator[tuple[set[Way], Outcomes]]
    ) -> Iterator[tuple[set[Way], Outcomes]]:
        """Read what qubits are in as the device reads it."""
        for point, (ways, outcomes) in enumerate(results):
            outcomes.bits[:, run.cut.zeros] = False
            yield ways, misread(outcomes, run.cut.flips, derive_seed(run.seed, "readout", point))

    def _shared(
        self, runs: Sequence[tuple[_Run, list[Plan]]]
    ) -> dict[int, Iterator[tuple[set[Way], Outcomes]]]:
        """Run small circuits with a single point each together; return those, by position."""
        method = Method.DENSITY_MATRIX
        found: dict[int, Iterator[tuple[set[Way], Outcomes]]] = {}
        alike: dict[int, list[tuple[int, NoisyCircuit]]] = defaultdict(list)
        for i, (run, (plan, *others)) in enumerate(runs):
            is_small = plan.exact is method and plan.exact_s <= _LONGEST_SHARED_S and not others
            if is_small and len(run.values) == 1 and run.cut.circuit.num_qubits:
                noisy = with_noise(plan.sampled, run.noise, method)
                bound = replace(noisy, circuit=_bound(noisy.circuit, run.values[0]))
                alike[run.shots].append((i, bound))
        for shots, group in alike.items():
            for start in range(0, len(group), _CIRCUITS_AT_ONCE):
                some = group[start : start + _CIRCUITS_AT_ONCE]
                seed = derive_seed(runs[some[0][0]][0].seed, "shared")
                results = self._execute([one for _, one in some], None, shots, seed, method)
                for (i, _), result in zip(some, results, strict=True):
                    way = Way(Noise.EXACT, method)
                    found[i] = iter([({way}, _outcomes(result, runs[i][0]))])
        return found

    def _true(self, run: _Run, plans: Sequence[Plan]) -> Iterator[tuple[set[Way], Outcomes]]:
        """Yield what qubits are in at each point, save for what the flips of the cut stand for."""
        width = run.cut.circuit.num_clbits
        if not run.cut.circuit.num_qubits:
            for _ in run.values:
                yield {Way(Noise.EXACT, None)}, outcomes_of(None, width, run.shots)
            return
        if plans[0].clbits is None:
            for way, outcomes in self._alone(run, plans[0]):
                yield {way}, outcomes
            return
        alone = [self._alone(run.of(plan), plan) for plan in plans]
        for point, parts in enumerate(zip(*alone, strict=True)):
            placed = [
                (outcomes, plan.clbits or ())
                for (_, outcomes), plan in zip(parts, plans, strict=True)
            ]
            seed = derive_seed(run.seed, "parts", point)
            yield {way for way, _ in parts}, joined(placed, width, seed)

    def _alone(self, run: _Run, plan: Plan) -> Iterator[tuple[Way, Outcomes]]:
        """Run a circuit that is not taken apart, or a part of one."""
        lone = None
        if plan.clbits is not None and plan.width == 1:
            lone = LoneQubit.of(run.cut.circuit.data, *run.cut.numbers.values())
        if lone is not None:
            yield from _lone(run, lone)
            return
        if not plan.is_within_reach:
            yield from self._wide(run, plan)
            return
        for way, result in self._exact(run, plan):
            yield way, _outcomes(result, run)

    def _exact(self, run: _Run, plan: Plan) -> Iterator[tuple[Way, Any]]:
        if plan.exact is Method.DENSITY_MATRIX:
            return self._sampled(replace(run, cut=plan.sampled))
        return self._followed(run)

    def _sampled(self, run: _Run) -> Iterator[tuple[Way, Any]]:
        """Run points together, each of which is computed once for all of its shots."""
        method = Method.DENSITY_MATRIX
        noisy = with_noise(run.cut, run.noise, method)
        way = Way(Noise.EXACT, method)
        for start in range(0, len(run.values), _POINTS_AT_ONCE):
            rows = run.values[start : start + _POINTS_AT_ONCE]
            if not rows.size:
                for i in range(len(rows)):
                    seed = derive_seed(run.seed, start, i)
                    yield way, self._execute([noisy], None, run.shots, seed, method)[0]
                continue
            binds = {name: rows[:, i] for i, name in enumerate(noisy.circuit.parameters)}
            seed = derive_seed(run.seed, start)
            for result in self._execute([noisy], binds, run.shots, seed, method):
                yield way, result

    def _followed(self, run: _Run) -> Iterator[tuple[Way, Any]]:
        """Run points one by one, each shot of which goes its own way."""
        method = Method.STATEVECTOR
        noisy = with_noise(run.cut, run.noise, method)
        way = Way(Noise.EXACT, method)
        for point, row in enumerate(run.values):
            bound = replace(noisy, circuit=_bound(noisy.circuit, row))
            seed = derive_seed(run.seed, point)
            yield way, self._execute([bound], None, run.shots, seed, method)[0]

    def _wide(self, run: _Run, plan: Plan) -> Iterator[tuple[Way, Outcomes]]:
        """Run points with Pauli errors where they are Clifford, which may differ by point."""
        gates = CliffordGates()
        way = Way(Noise.PAULI_TWIRLED, Method.STABILIZER)
        for point, row in enumerate(run.values):
            seed = derive_seed(run.seed, point)
            bound = replace(run.cut, circuit=_bound(run.cut.circuit, row))
            if gates.accept(bound.circuit):
                yield way, self._twirled(bound, run, seed, gates)
            elif plan.is_possible:
                for exact, result in self._exact(replace(run, values=row[None], seed=seed), plan):
                    yield exact, _outcomes(result, run)
            else:
                raise out_of_reach(plan, self._memory_mb)

    def _twirled(self, bound: Cut, run: _Run, seed: int, gates: CliffordGates) -> Outcomes:
        """Run a point with Pauli errors."""
        method = Method.STABILIZER
        if bound.is_dynamic:
            noisy = with_noise(bound, run.noise, method)
            return _outcomes(self._execute([noisy], None, run.shots, seed, method)[0], run)
        plain = NoisyCircuit(gates.plain(bound.circuit), None)
        result = self._execute([plain], None, 1, seed, method)[0]
        (reference,) = _outcomes(result, replace(run, shots=1)).bits
        frames_seed = derive_seed(seed, "frames")
        return with_frames(bound, run.noise, reference, run.shots, frames_seed)


def _lone(run: _Run, qubit: LoneQubit) -> Iterator[tuple[Way, Outcomes]]:
    columns = {parameter: i for i, parameter in enumerate(run.cut.circuit.parameters)}
    rng = np.random.default_rng(derive_seed(run.seed, "lone"))
    ones = rng.binomial(run.shots, qubit.is_one(columns, run.values, run.noise))
    for number in ones.tolist():
        bits, counts = np.array([[False], [True]]), np.array([run.shots - number, number])
        yield Way(Noise.EXACT, Method.DENSITY_MATRIX), Outcomes(bits, counts)


def _outcomes(result: Any, run: _Run) -> Outcomes:
    counts = getattr(result.data, "counts", None)
    return outcomes_of(counts, run.cut.circuit.num_clbits, run.shots)


def _bound(circuit: QuantumCircuit, row: Values) -> QuantumCircuit:
    return circuit.assign_parameters(row) if row.size else circuit
