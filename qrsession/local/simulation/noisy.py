"""Circuits on a twin with noise: cut down, given their noise, run, and read as the device reads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qrsession.local.simulation.clifford import CliffordGates
from qrsession.local.simulation.cutting import Cut, cut
from qrsession.local.simulation.noise import DeviceNoise
from qrsession.local.simulation.noising import Method, NoisyCircuit, with_noise
from qrsession.local.simulation.outcomes import Outcomes, derive_seed, outcomes_of
from qrsession.local.simulation.planning import Plan, out_of_reach, plan_for
from qrsession.local.simulation.readout import misread
from qrsession.local.simulation.twin import Twin

# Points of a sweep that go to Aer at once: enough to share the cost of a call, few in memory.
_POINTS_AT_ONCE = 500

Values = NDArray[np.float64]
Binds = dict[Any, Values] | None
Execute = Callable[[NoisyCircuit, Binds, int, int, Method], Sequence[Any]]


class Noise(Enum):
    """What there is of a device's noise in a result; the value is what its metadata say."""

    NONE = "none"
    EXACT = "exact"
    PAULI_TWIRLED = "pauli_twirled"


class Way(NamedTuple):
    """How a circuit was simulated. ``method`` is None where nothing was left to simulate."""

    noise: Noise
    method: Method | None


class NoisyRuns:
    """Runs circuits with noise, and remembers that of the last device.

    Args:
        execute: Runs a circuit with noise on Aer: circuit, values by parameter, shots, seed and
            method; returns one of Aer's results for each point.
        memory_mb: Memory of a job, in MiB.
    """

    def __init__(self, execute: Execute, memory_mb: int) -> None:
        self._execute = execute
        self._memory_mb = memory_mb
        self._known: tuple[Twin, DeviceNoise] | None = None

    def run(
        self, circuit: QuantumCircuit, values: Values, shots: int, seed: int, twin: Twin
    ) -> Iterator[tuple[Way, Outcomes]]:
        """Run a circuit for each row of parameter values, as `Simulator.run` does.

        Raises:
            JobFailedError: It is too wide, or Aer cannot run it.
        """
        noise = self._noise_of(twin)
        small = cut(circuit, noise)
        # The rows are those of the whole circuit; what was cut off may have had parameters.
        columns = {parameter: i for i, parameter in enumerate(circuit.parameters)}
        values = values[:, [columns[parameter] for parameter in small.circuit.parameters]]
        run = _Run(small, values, shots, seed, noise)
        for point, (way, outcomes) in enumerate(self._true(run)):
            bits = outcomes.bits
            bits[:, small.zeros] = False
            read = misread(bits, outcomes.counts, small.flips, derive_seed(seed, "readout", point))
            yield way, Outcomes(*read)

    def _noise_of(self, twin: Twin) -> DeviceNoise:
        if self._known is None or self._known[0] is not twin:
            self._known = (twin, DeviceNoise(twin.calibration))
        return self._known[1]

    def _true(self, run: "_Run") -> Iterator[tuple[Way, Outcomes]]:
        """Yield what qubits are in at each point, save for what the flips of the cut stand for."""
        circuit = run.cut.circuit
        if not circuit.num_qubits:
            for _ in run.values:
                yield Way(Noise.EXACT, None), outcomes_of(None, circuit.num_clbits, run.shots)
            return
        plan = plan_for(run.cut, run.shots, self._memory_mb)
        if not plan.is_within_reach:
            results = self._wide(run, plan)
        elif plan.exact is Method.DENSITY_MATRIX:
            results = self._sampled(run)
        else:
            results = self._followed(run)
        for way, result in results:
            counts = getattr(result.data, "counts", None)
            yield way, outcomes_of(counts, circuit.num_clbits, run.shots)

    def _sampled(self, run: "_Run") -> Iterator[tuple[Way, Any]]:
        """Run points together, each of which is computed once for all of its shots."""
        method = Method.DENSITY_MATRIX
        noisy = with_noise(run.cut, run.noise, method)
        way = Way(Noise.EXACT, method)
        for start in range(0, len(run.values), _POINTS_AT_ONCE):
            rows = run.values[start : start + _POINTS_AT_ONCE]
            if not rows.size:
                for i in range(len(rows)):
                    seed = derive_seed(run.seed, start, i)
                    yield way, self._execute(noisy, None, run.shots, seed, method)[0]
                continue
            binds = {name: rows[:, i] for i, name in enumerate(noisy.circuit.parameters)}
            seed = derive_seed(run.seed, start)
            for result in self._execute(noisy, binds, run.shots, seed, method):
                yield way, result

    def _followed(self, run: "_Run") -> Iterator[tuple[Way, Any]]:
        """Run points one by one, each shot of which goes its own way."""
        method = Method.STATEVECTOR
        noisy = with_noise(run.cut, run.noise, method)
        way = Way(Noise.EXACT, method)
        for point, row in enumerate(run.values):
            bound = replace(noisy, circuit=_bound(noisy.circuit, row))
            seed = derive_seed(run.seed, point)
            yield way, self._execute(bound, None, run.shots, seed, method)[0]

    def _wide(self, run: "_Run", plan: Plan) -> Iterator[tuple[Way, Any]]:
        """Run points with Pauli errors where they are Clifford, which may differ by point."""
        gates = CliffordGates()
        method = Method.STABILIZER
        way = Way(Noise.PAULI_TWIRLED, method)
        for point, row in enumerate(run.values):
            bound = replace(run.cut, circuit=_bound(run.cut.circuit, row))
            if gates.accept(bound.circuit):
                noisy = with_noise(bound, run.noise, method)
                seed = derive_seed(run.seed, point)
                yield way, self._execute(noisy, None, run.shots, seed, method)[0]
            elif plan.is_possible:
                one = replace(
                    run, cut=bound, values=row[None, :0], seed=derive_seed(run.seed, point)
                )
                yield from (
                    self._sampled(one)
                    if plan.exact is Method.DENSITY_MATRIX
                    else self._followed(one)
                )
            else:
                raise out_of_reach(plan, self._memory_mb)


@dataclass(frozen=True, slots=True)
class _Run:
    """What is run: a circuit that was cut, at points of a sweep."""

    cut: Cut
    values: Values
    shots: int
    seed: int
    noise: DeviceNoise


def _bound(circuit: QuantumCircuit, row: Values) -> QuantumCircuit:
    return circuit.assign_parameters(row) if row.size else circuit
