"""What is known of circuits before they run: what should come out, and where each qubit is read.

It is worked out by Qiskit once and kept in the cache, under all that it depends on: the circuit as
it was written, and the values of its parameters. No Qiskit on a hit.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qrsession.cache import Cache, content_key
from qrsession.circuits.misfits import without_values
from qrsession.circuits.sources import Source, qiskit_version
from qrsession.errors import CircuitError, StorageError
from qrsession.expecting.agreement import Distribution
from qrsession.expecting.verdicts import Ground

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

# What another version has kept, or worked out in another way, is not found.
_VERSION = 1


@dataclass(frozen=True)
class Foresight:
    """How to look at circuits before they run.

    Attributes:
        cache: Where it is kept.
        values: The values of parameters by name.
        wants_ideal: Whether the distribution of the outcomes is wanted.
        keeps: Whether it is put into the cache; of private circuits it is not.
    """

    cache: Cache
    values: Mapping[str, float]
    wants_ideal: bool
    keeps: bool = True

    def grounds_of(self, sources: Sequence[Source]) -> list[Ground]:
        """Return what the circuits of sources are held against, in order.

        Raises:
            CircuitError: One cannot be read, lacks a parameter's value, or has no distribution
                that can be worked out exactly.
        """
        return [ground for source in sources for ground in self._of(source)]

    def _of(self, source: Source) -> list[Ground]:
        key = content_key(
            "foresight",
            str(_VERSION),
            source.data,
            source.format,
            qiskit_version(),
            json.dumps(sorted(self.values.items())),
            str(self.wants_ideal),
        )
        if source.is_self_contained:
            with suppress(StorageError, ValueError, KeyError, TypeError):
                return _named(source, [_read(record) for record in json.loads(self._get(key))])
        grounds = self._work_out(source)
        if source.is_self_contained and self.keeps:
            data = json.dumps([_record(ground) for ground in grounds]).encode()
            # A cache that cannot be written makes the next command slower, and fails none.
            with suppress(StorageError):
                self.cache.put(key, data)
        return _named(source, grounds)

    def _get(self, key: str) -> bytes:
        return self.cache.get(key) or b""

    def _work_out(self, source: Source) -> list[Ground]:
        from qrsession.circuits.isolation import read_circuits  # noqa: PLC0415 - the room of Qiskit

        return [self._ground(circuit, source.name) for circuit in read_circuits(source)]

    def _ground(self, circuit: "QuantumCircuit", name: str) -> Ground:
        # As above.
        from qrsession.expecting.ideal import ideal_distribution  # noqa: PLC0415
        from qrsession.expecting.ideal.registers import Registers, final_positions  # noqa: PLC0415

        distribution = None
        if self.wants_ideal:
            parameters = list(circuit.parameters)
            missing = [one.name for one in parameters if one.name not in self.values]
            if missing:
                raise without_values(missing)
            bound = circuit.assign_parameters({one: self.values[one.name] for one in parameters})
            try:
                distribution = ideal_distribution(bound)
            except CircuitError as error:
                details = {**error.details, "path": name}
                message = f"{name}: {error.message}"
                raise CircuitError(message, advice=error.advice, details=details) from error
        return Ground(
            circuit=name,
            widths=Registers(circuit).widths,
            num_qubits=circuit.num_qubits,
            positions=final_positions(circuit),
            distribution=distribution,
        )


def _named(source: Source, grounds: Sequence[Ground]) -> list[Ground]:
    """Give circuits the names that this command has for them: the cache knows contents alone."""
    if len(grounds) == 1:
        return [replace(grounds[0], circuit=source.name)]
    return [replace(ground, circuit=f"{source.name}[{at}]") for at, ground in enumerate(grounds)]


def _record(ground: Ground) -> dict[str, Any]:
    distribution = ground.distribution
    return {
        "widths": list(ground.widths),
        "num_qubits": ground.num_qubits,
        "positions": list(ground.positions),
        "probabilities": None if distribution is None else distribution.probabilities,
    }


def _read(record: Mapping[str, Any]) -> Ground:
    probabilities = record["probabilities"]
    return Ground(
        circuit="",
        widths=record["widths"],
        num_qubits=record["num_qubits"],
        positions=record["positions"],
        distribution=None if probabilities is None else Distribution(probabilities),
    )
