"""Qiskit Aer, as the programs use it: circuits in, outcomes with their counts out."""

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qrsession.local.simulation.failures import failed
from qrsession.local.simulation.guarding import active_qubits, guarded, is_dynamic
from qrsession.local.simulation.narrowing import narrowed
from qrsession.local.simulation.twin import Twin
from qrsession.protocol import faults

# Points of a sweep that go to Aer at once: enough to share the cost of a call, few in memory.
_POINTS_AT_ONCE = 500
_BYTES_OF_AMPLITUDE = 16
_SEED_BYTES = 7
# What Aer says where no estimate of its own foresaw that the memory would not do.
_NO_ALLOCATION = ("Cannot allocate memory", "bad_alloc")
_NO_MEMORY = re.compile(r"Insufficient memory .* using the (\w+) simulator")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one point of a sweep gave.

    Attributes:
        bits: The distinct outcomes: bool, shape ``(outcomes, clbits)``; column i is the circuit's
            clbit i.
        counts: How often each occurred: int64, shape ``(outcomes,)``.
    """

    bits: NDArray[np.bool_]
    counts: NDArray[np.int64]


def derive_seed(seed: int, *path: int | str) -> int:
    """Return a seed for one part of a job, unrelated to those of all other parts.

    Aer seeds each shot by adding one to the circuit's seed, and each point of a sweep by adding
    2113: neighbouring seeds would give different parts the same shots.
    """
    digest = hashlib.sha256(repr((seed, *path)).encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big")


class Simulator:
    """One Aer simulator, one thread, bounded in memory.

    Attributes:
        execution_ns: Nanoseconds spent in Aer since the caller set it to 0.
    """

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        options = {"max_parallel_threads": 1, "max_memory_mb": memory_mb}
        self._aer = AerSimulator(**options)
        # Aer drops what it takes for dead code, reading a circuit once from its end to its start;
        # in a loop the end comes before the start again, and gates were dropped that matter.
        self._whole = AerSimulator(**options, enable_truncation=False)
        self.execution_ns = 0

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
        aer, width = self._aer, circuit.num_clbits
        circuit = narrowed(circuit)
        one_by_one = is_dynamic(circuit)
        if one_by_one:
            aer, circuit = self._whole, guarded(circuit)
        for start in range(0, len(values), 1 if one_by_one else _POINTS_AT_ONCE):
            rows = values[start : start + (1 if one_by_one else _POINTS_AT_ONCE)]
            part_seed = derive_seed(seed, start)
            if one_by_one or len(rows) == 1:
                bound = circuit.assign_parameters(rows[0]) if rows.size else circuit
                results = self._execute(aer, bound, None, shots, part_seed)
            else:
                binds = {name: rows[:, i] for i, name in enumerate(circuit.parameters)}
                results = self._execute(aer, circuit, binds or None, shots, part_seed)
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
            for result in results:
                yield _outcomes(getattr(result.data, "counts", None), width, shots)

    def _execute(
        self,
        aer: AerSimulator,
        circuit: QuantumCircuit,
        binds: dict[Any, NDArray[np.float64]] | None,
        shots: int,
        seed: int,
    ) -> Sequence[Any]:
        started_ns = time.perf_counter_ns()
        try:
            result = aer.run(
                circuit,
                shots=shots,
                seed_simulator=seed,
                parameter_binds=None if binds is None else [binds],
            ).result()
        finally:
            self.execution_ns += time.perf_counter_ns() - started_ns
        if not result.success:
            messages = [str(part.status) for part in result.results] or [str(result.status)]
            raise self._failure(circuit, next(filter(_is_error, messages), messages[0]))
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


def _outcomes(counts: dict[str, int] | None, width: int, shots: int) -> Outcomes:
    if not counts or not width:
        # Nothing was measured: all bits are 0 as they were.
        return Outcomes(np.zeros((1, width), dtype=bool), np.array([shots]))
    num_bytes = -(-width // 8)
    mask = (1 << width) - 1
    packed = b"".join((int(key, 16) & mask).to_bytes(num_bytes, "little") for key in counts)
    table = np.frombuffer(packed, dtype=np.uint8).reshape(len(counts), num_bytes)
    bits = np.unpackbits(table, axis=1, count=width, bitorder="little").astype(bool)
    return Outcomes(bits, np.fromiter(counts.values(), dtype=np.int64, count=len(counts)))
