"""Qiskit Aer, as the programs use it: circuits in, outcomes with their counts out."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qrsession.local.clock import REAL_TIME
from qrsession.local.simulation.circuits.guarding import active_qubits, guarded, is_dynamic
from qrsession.local.simulation.circuits.narrowing import narrowed
from qrsession.local.simulation.failures import failed
from qrsession.local.simulation.noise.channels import DeviceNoise
from qrsession.local.simulation.noise.inserting import Method, NoisyCircuit
from qrsession.local.simulation.noise.runs import NoisyRuns, Way
from qrsession.local.simulation.outcomes import (
    Outcomes,
    Wanted,
    dealt,
    derive_seed,
    outcomes_of,
)
from qrsession.local.simulation.portions import SHOTS_AT_ONCE
from qrsession.local.simulation.twin import Twin
from qrsession.protocol import faults

# Points of a sweep that go to Aer at once: enough to share the cost of a call, few in memory.
_POINTS_AT_ONCE = 500
_BYTES_OF_AMPLITUDE = 16
# What Aer says where no estimate of its own foresaw that the memory would not do.
_NO_ALLOCATION = ("Cannot allocate memory", "bad_alloc")
_NO_MEMORY = re.compile(r"Insufficient memory .* using the (\w+) simulator")


@dataclass(slots=True)
class Account:
    """What a job has used so far.

    Attributes:
        execution_ns: Nanoseconds spent in running circuits.
        ways: How circuits with noise were simulated.
    """

    execution_ns: int = 0
    ways: set[Way] = field(default_factory=set)


class Simulator:
    """One Aer simulator, one thread, bounded in memory.

    Attributes:
        account: What was used since `open_account`.
        clock: What the runtime's clock shows.
    """

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        options = {"max_parallel_threads": 1, "max_memory_mb": memory_mb}
        self._aer = AerSimulator(**options)
        # Aer drops what it takes for dead code, reading a circuit once from its end to its start;
        # in a loop the end comes before the start again, and gates were dropped that matter.
        self._whole = AerSimulator(**options, enable_truncation=False)
        self.account = Account()
        self.clock = REAL_TIME
        self._noisy = NoisyRuns(self._execute_noisy, memory_mb)

    def open_account(self) -> Account:
        """Open an account for a job, which all that is run from now on goes to."""
        self.account = Account()
        return self.account

    def now(self) -> datetime:
        """Return the time in UTC, by the runtime's clock."""
        return self.clock.at(time.time())

    def noise_of(self, twin: Twin) -> DeviceNoise:
        """Return the noise of a device, for what is simulated elsewhere."""
        return self._noisy.noise_of(twin)

    def run(
        self,
        circuit: QuantumCircuit,
        values: NDArray[np.float64],
        shots: int,
        seed: int,
        twin: Twin | None = None,
    ) -> Iterator[Outcomes]:
        """Run a circuit for each row of parameter values.

        Args:
            circuit: What `prepared` returned.
            values: Float64, shape ``(points, parameters)``, in the order of
                ``circuit.parameters``.
            shots: Shots for each point.
            seed: What the randomness of all points comes from.
            twin: The device whose noise it has; its qubit i is the circuit's qubit i.

        Raises:
            JobFailedError: It needs too much memory, or Aer cannot run it.
        """
        return self.run_all([Wanted(circuit, values, shots, seed)], twin)[0]

    def run_all(
        self, wanted: Sequence[Wanted], twin: Twin | None = None
    ) -> list[Iterator[Outcomes]]:
        """Run several circuits, as `run` does, which may share what running one costs."""
        if twin is not None and twin.is_noisy:
            return [self._booked(results) for results in self._noisy.run(wanted, twin)]
        return [self._run_ideal(one) for one in wanted]

    def _booked(self, results: Iterator[tuple[set[Way], Outcomes]]) -> Iterator[Outcomes]:
        for ways, outcomes in results:
            self.account.ways |= ways
            yield outcomes

    def _run_ideal(self, wanted: Wanted) -> Iterator[Outcomes]:
        shots, seed = wanted.shots, wanted.seed
        aer, width = self._aer, wanted.circuit.num_clbits
        circuit = narrowed(wanted.circuit)
        # The rows are those of the whole circuit; what was left out may have had parameters.
        columns = {parameter: i for i, parameter in enumerate(wanted.circuit.parameters)}
        values = wanted.values[:, [columns[parameter] for parameter in circuit.parameters]]
        one_by_one = is_dynamic(circuit)
        if one_by_one:
            aer, circuit = self._whole, guarded(circuit)
        # The more shots a point has, the fewer share a call: their outcomes are all held at once.
        at_once = max(1, min(_POINTS_AT_ONCE, SHOTS_AT_ONCE // max(shots, 1)))
        if not circuit.parameters and len(values) > 1:
            yield from self._run_alike(aer, circuit, wanted, at_once)
            return
        if one_by_one:
            at_once = 1
        for start in range(0, len(values), at_once):
            rows = values[start : start + at_once]
            part_seed = derive_seed(seed, start)
            if len(rows) == 1:
                bound = circuit.assign_parameters(rows[0]) if rows.size else circuit
                results = self._execute(aer, bound, None, shots, part_seed)
            else:
                binds = {name: rows[:, i] for i, name in enumerate(circuit.parameters)}
                results = self._execute(aer, circuit, binds, shots, part_seed)
                if _shares_shots(results):
                    results = [
                        self._execute(
                            aer,
                            circuit.assign_parameters(row),
                            None,
                            shots,
                            derive_seed(seed, start, i),
                        )[0]
                        for i, row in enumerate(rows)
                    ]
            # Aer's counts take a hundred bytes for each outcome: each is dropped once it is read.
            results.reverse()
            while results:
                counts = getattr(results.pop().data, "counts", None)
                outcomes = outcomes_of(counts, width, shots)
                del counts
                yield outcomes

    def _run_alike(
        self, aer: AerSimulator, circuit: QuantumCircuit, wanted: Wanted, at_once: int
    ) -> Iterator[Outcomes]:
        """Run points that nothing tells apart: shots of one run, dealt out at random."""
        shots, num_points = wanted.shots, len(wanted.values)
        for start in range(0, num_points, at_once):
            number = min(at_once, num_points - start)
            seed = derive_seed(wanted.seed, start)
            (result,) = self._execute(aer, circuit, None, number * shots, seed)
            counts = getattr(result.data, "counts", None)
            outcomes = outcomes_of(counts, wanted.circuit.num_clbits, number * shots)
            yield from dealt(outcomes, number, np.random.default_rng(derive_seed(seed, "dealt")))

    def _execute_noisy(
        self,
        noisy: Sequence[NoisyCircuit],
        binds: dict[Any, NDArray[np.float64]] | None,
        shots: int,
        seed: int,
        method: Method,
    ) -> Sequence[Any]:
        """Run circuits that have the same errors of readout, or none of Aer's."""
        options: dict[str, Any] = {"method": method.value}
        if noisy[0].model is not None:
            options["noise_model"] = noisy[0].model
        circuits = [one.circuit for one in noisy]
        return self._execute(self._whole, circuits, binds, shots, seed, **options)

    def _execute(
        self,
        aer: AerSimulator,
        circuit: QuantumCircuit | list[QuantumCircuit],
        binds: dict[Any, NDArray[np.float64]] | None,
        shots: int,
        seed: int,
        **options: Any,
    ) -> list[Any]:
        started_ns = time.perf_counter_ns()
        try:
            result = aer.run(
                circuit,
                shots=shots,
                seed_simulator=seed,
                parameter_binds=None if binds is None else [binds],
                **options,
            ).result()
        finally:
            self.account.execution_ns += time.perf_counter_ns() - started_ns
        if not result.success:
            messages = [str(part.status) for part in result.results] or [str(result.status)]
            first = circuit[0] if isinstance(circuit, list) else circuit
            raise self._failure(first, next(filter(_is_error, messages), messages[0]))
        return list(result.results)

    def _failure(self, circuit: QuantumCircuit, message: str) -> Exception:
        match = _NO_MEMORY.search(message)
        if match is None and any(words in message for words in _NO_ALLOCATION):
            return MemoryError(message)
        if match is None:
            words = " ".join(message.removeprefix("ERROR:").split())
            return failed(
                faults.SIMULATOR_ERROR, f"Simulator error: {words}", "Change the circuit."
            )
        width = len(active_qubits(circuit))
        return failed(
            faults.SIMULATOR_ERROR,
            f"The circuit uses {width} qubits, for which the {match[1]} method of Qiskit Aer needs "
            f"{_size(_BYTES_OF_AMPLITUDE * 2**width)} of memory; a job may use "
            f"{_size(self._memory_mb * 2**20)} here.",
            "Use fewer qubits, or Clifford gates alone; a runtime with fewer workers gives each "
            "more memory.",
        )


def _is_error(message: str) -> bool:
    return message.startswith("ERROR")


def _shares_shots(results: Sequence[Any]) -> bool:
    # Where each shot was simulated by itself, points share the seeds of their shots.
    return len(results) > 1 and not all(
        part.metadata.get("measure_sampling", False) for part in results
    )


def _size(size_bytes: int) -> str:
    exponent = max((size_bytes.bit_length() - 1) // 10, 2)
    if exponent > 5:  # noqa: PLR2004 - beyond PiB no unit says more than the power
        return f"2^{size_bytes.bit_length() - 1} bytes"
    unit = ("MiB", "GiB", "TiB", "PiB")[exponent - 2]
    return f"{size_bytes / 2 ** (10 * exponent):.3g} {unit}"
