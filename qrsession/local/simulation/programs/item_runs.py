"""Items of a quantum program, run: the bits of each shot, at each point.

A circuit is run part by part, and a part that is a single qubit is worked out for all points at
once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qrsession.local.simulation.circuits.bits import positions_of
from qrsession.local.simulation.circuits.parts import Part, parts_of
from qrsession.local.simulation.circuits.preparing import columns_for, prepared
from qrsession.local.simulation.inputs.program_items import Item
from qrsession.local.simulation.noise.lone_qubits import LoneQubit
from qrsession.local.simulation.outcomes import Outcomes, derive_seed
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.twin import Twin

# Of one chunk where the client leaves its size to us: enough to share the cost of a run.
_CHUNK_BYTES = 2**26
# Of angles that are drawn in single precision.
DECIMALS_OF_SINGLE = 6

Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Span:
    """When the points ``start`` to ``stop`` (exclusive) of an item's shape ran.

    In UTC, by the runtime's clock.
    """

    began: datetime
    ended: datetime
    start: int
    stop: int
    num_axes: int

    def to_wire(self, item: int) -> dict[str, Any]:
        """Write it as the span of a chunk, of the item at this position."""
        return {
            "start": self.began.isoformat(),
            "stop": self.ended.isoformat(),
            "parts": [
                {
                    "idx_item": item,
                    "size": self.stop - self.start,
                    "permutation": list(range(self.num_axes)),
                    "element_range": [self.start, self.stop, 1],
                }
            ],
        }


class ItemRun:
    """The run of one item.

    Args:
        item: What is run.
        shots: Shots for each point.
        simulator: What runs it.
        seed: What all randomness comes from.
        twin: The device whose noise it has, if any.
    """

    def __init__(
        self, item: Item, shots: int, simulator: Simulator, seed: int, twin: Twin | None
    ) -> None:
        plain = prepared(item.circuit)
        self._item = item
        self._shots = shots
        self._simulator = simulator
        self._seed = seed
        self._twin = twin
        self._noise = None
        if twin is not None and twin.is_noisy:
            self._noise = simulator.noise_of(twin)
        self._circuit = plain
        self._values = columns_for(plain, item.circuit, item.values)
        self._columns = {parameter: at for at, parameter in enumerate(plain.parameters)}
        self._parts = parts_of(plain)

    def registers(self) -> tuple[dict[str, Bits], list[Span]]:
        """Run it, and return the bits of each register, and when which points ran.

        Bits are of shape ``(*shape, shots, size of the register)``.
        """
        spans = []
        points, shots = len(self._values), self._shots
        positions = positions_of(self._item.circuit)
        registers = {
            name: np.empty((points, shots, len(bits)), dtype=bool)
            for name, bits in positions.items()
        }
        for start in range(0, points, step := self._step()):
            stop = min(start + step, points)
            began = self._simulator.now()
            bits = self._bits(start, stop)
            for name, clbits in positions.items():
                registers[name][start:stop] = bits[:, :, clbits]
            spans.append(Span(began, self._simulator.now(), start, stop, len(self._item.shape)))
        shaped = {
            name: array.reshape(*self._item.shape, *array.shape[1:])
            for name, array in registers.items()
        }
        return shaped, spans

    def _step(self) -> int:
        if self._item.chunk_size is not None:
            return self._item.chunk_size
        point_bytes = self._shots * max(len(self._circuit.clbits), 1)
        return max(_CHUNK_BYTES // point_bytes, 1)

    def _bits(self, start: int, stop: int) -> Bits:
        """Return all bits of some points: bool, shape ``(points, shots, clbits)``."""
        bits = np.zeros((stop - start, self._shots, self._circuit.num_clbits), dtype=bool)
        for number, part in enumerate(self._parts):
            rng = np.random.default_rng(derive_seed(self._seed, start, number, "order"))
            chances = self._chances(part, self._values[start:stop])
            if chances is not None:
                drawn = rng.random((stop - start, self._shots)) < chances[:, np.newaxis]
                bits[:, :, part.clbits[0]] = drawn
                continue
            seed = derive_seed(self._seed, start, number)
            for point, shots_of_part in self._simulated(part, (start, stop), seed, rng):
                bits[point][:, part.clbits] = shots_of_part
        return bits

    def _chances(self, part: Part, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        lone = None
        if len(part.qubits) == 1:
            lone = LoneQubit.of(part.instructions, part.qubits[0])
        if lone is None:
            return None
        began_ns = time.perf_counter_ns()
        chances = lone.is_read_as_one(self._columns, values, self._noise)
        self._simulator.account.execution_ns += time.perf_counter_ns() - began_ns
        return chances

    def _simulated(
        self, part: Part, points: tuple[int, int], seed: int, rng: np.random.Generator
    ) -> Iterator[tuple[int, Bits]]:
        """Yield each point, counted from the first, with its shots.

        These are of shape ``(shots, clbits of the part)``.
        """
        circuit, clbits = part.circuit()
        columns = [self._columns[parameter] for parameter in circuit.parameters]
        values = self._values[slice(*points), columns]
        rows, row_of = _kinds(values, is_lone=len(part.qubits) == 1)
        shots = self._shots * int(np.bincount(row_of).max())
        run = self._simulator.run(circuit, rows, shots, seed, self._twin)
        for row, outcomes in enumerate(run):
            shuffled = _shuffled(outcomes, clbits, rng)
            for turn, point in enumerate(np.flatnonzero(row_of == row).tolist()):
                yield point, shuffled[turn * self._shots : (turn + 1) * self._shots]


def _kinds(
    values: NDArray[np.float64], *, is_lone: bool
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return different rows of values, and which of these each row is.

    Points that are alike are run once, for the shots of all of them. What a lone qubit is turned by
    is the same at many points, up to rounding; other circuits are replicated at most.
    """
    points, parameters = values.shape
    if parameters == 0:
        return values[:1], np.zeros(points, dtype=np.intp)
    rounded = np.round(values, DECIMALS_OF_SINGLE) if is_lone else values
    rows, row_of, counts = np.unique(rounded, axis=0, return_inverse=True, return_counts=True)
    if not is_lone and len(rows) * counts.max() > points:
        # Each kind is run as often as the most frequent one, so they would cost more than points.
        return values, np.arange(points)
    return rows, row_of.reshape(-1)


def _shuffled(outcomes: Outcomes, clbits: list[int], rng: np.random.Generator) -> Bits:
    shuffled: Bits = outcomes.bits[:, clbits][rng.permutation(outcomes.of_shots())]
    return shuffled
