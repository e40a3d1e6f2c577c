"""Circuits as they go over the wire, kept under their content key. No Qiskit on a hit.

The cache is that of the session's service, so a circuit that was transpiled once is found by the
command line and by the library alike, whichever of them came first.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from qrsession.circuits.misfits import unfit_register
from qrsession.circuits.sources import (
    PreparedCircuit,
    Source,
    SourceFormat,
    Transpilation,
    circuit_key,
)
from qrsession.diagnostics import Log
from qrsession.errors import CircuitError, StorageError
from qrsession.service import BackendDocuments, RuntimeService

if TYPE_CHECKING:
    from qrsession.backend import Backend

log = Log("cache")


@dataclass(frozen=True)
class Place:
    """What circuits are prepared for: a service, and the fingerprint and documents of a backend.

    The documents are asked for only where a circuit is not in the cache.
    """

    service: RuntimeService
    fingerprint: str
    documents: Callable[[], BackendDocuments]

    @classmethod
    def of_session(cls, service: RuntimeService, session_id: str, backend: str) -> "Place":
        """Return the place of a session; its documents are asked for once in its life."""
        return cls(
            service,
            service.session_fingerprint(session_id, backend),
            lambda: service.session_documents(session_id, backend),
        )

    @classmethod
    def of_backend(cls, service: RuntimeService, backend: str) -> "Place":
        """Return the place of a job without a session."""
        return cls.of_documents(service, service.fetch_documents(backend))

    @classmethod
    def of_documents(cls, service: RuntimeService, documents: BackendDocuments) -> "Place":
        """Return the place of jobs on a backend whose documents are known."""
        return cls(service, documents.fingerprint, lambda: documents)


class Preparation:
    """Prepares circuits for one place, and counts what was not in the cache.

    Args:
        place: What they are prepared for.
        transpilation: How they are made to fit.
        keeps: Whether they are put into the cache; private ones are not.
        build: Gives the backend, where somebody has built it; None: from the place's documents.
        is_estimated: Whether they go to an estimator, without the measurements at their end.
    """

    def __init__(
        self,
        place: Place,
        transpilation: Transpilation,
        *,
        keeps: bool = True,
        build: "Callable[[], Backend] | None" = None,
        is_estimated: bool = False,
    ) -> None:
        self._place = place
        self._transpilation = transpilation
        self._keeps = keeps
        self._is_estimated = is_estimated
        self._build = build or self._build_backend
        self._backend: Backend | None = None
        self.misses = 0

    @property
    def outcome(self) -> str:
        """``hit`` where every source was in the cache, else ``miss``."""
        return "miss" if self.misses else "hit"

    def prepare_all(self, sources: Iterable[Source]) -> list[PreparedCircuit]:
        """Return the circuits of sources, in order.

        Raises:
            CircuitError: A circuit cannot be read or does not fit; or it is for the sampler, and
                measures nothing.
        """
        prepared = []
        for source in sources:
            for circuit in self.prepare(source):
                if not circuit.has_measurement and not self._is_estimated:
                    raise no_measurement(source.name)
                if circuit.register_problem and not self._is_estimated:
                    raise unfit_register(source.name, circuit.register_problem)
                prepared.append(circuit)
        return prepared

    def prepare(self, source: Source) -> list[PreparedCircuit]:
        """Return the circuits of one source, from the cache or else read and transpiled.

        OpenQASM holds one circuit, QPY one or more.

        Raises:
            CircuitError: A circuit cannot be read, or does not fit.
        """
        key = circuit_key(
            source,
            self._place.fingerprint,
            self._transpilation,
            is_estimated=self._is_estimated,
        )
        if source.is_self_contained:
            found = _read(self._place.service, key)
            if found is not None:
                log.note("hit: %s is known in its form for this backend", source.name)
                return found
        log.note("miss: %s is put into its form for this backend", source.name)
        self.misses += 1
        circuits = self._as_it_is(source)
        if circuits is None:
            # Only here is Qiskit imported.
            from qrsession.circuits.reading import prepare_source  # noqa: PLC0415

            if self._backend is None:
                self._backend = self._build()
            circuits = prepare_source(
                source, self._backend, self._transpilation, is_estimated=self._is_estimated
            )
        if source.is_self_contained and self._keeps:
            data = json.dumps([asdict(circuit) for circuit in circuits]).encode()
            self._place.service.keep(key, data)
        return circuits

    def _build_backend(self) -> "Backend":
        return self._place.service.build_backend(
            self._place.documents(), use_fractional_gates=self._transpilation.use_fractional_gates
        )

    def _as_it_is(self, source: Source) -> list[PreparedCircuit] | None:
        """Prepare a circuit that needs no Qiskit; None where this one does."""
        if (
            self._transpilation.optimization_level is not None
            or source.format is SourceFormat.QASM2
            # Only a parser can tell what QPY measures at its end, and how it was laid out.
            or (self._is_estimated and source.format is SourceFormat.QPY)
        ):
            return None
        from qrsession.circuits.untranspiled import prepare_untranspiled  # noqa: PLC0415 - seldom needed

        documents = self._place.documents()
        circuit = prepare_untranspiled(
            source,
            json.loads(documents.configuration),
            json.loads(documents.properties),
            is_estimated=self._is_estimated,
        )
        return None if circuit is None else [circuit]


def no_measurement(name: str) -> CircuitError:
    """Return the error for a circuit that gives the sampler nothing to sample."""
    return CircuitError(
        f"{name}: the circuit measures nothing, so there is nothing to sample.",
        advice="Add measurements into a classical register, as `qrsession run @bell` has them.",
        details={"path": name},
    )


def _read(service: RuntimeService, key: str) -> list[PreparedCircuit] | None:
    try:
        data = service.cache.get(key)
        records = json.loads(data) if data else None
    except (StorageError, ValueError):
        return None
    if not isinstance(records, list) or not records:
        return None
    try:
        return [
            PreparedCircuit(
                wire=record["wire"],
                parameters=_names(record["parameters"]),
                source_parameters=tuple(record["source_parameters"]),
                has_measurement=record["has_measurement"],
                register_problem=record["register_problem"],
                has_free_angles=record["has_free_angles"],
                layouts=tuple(map(tuple, record["layouts"])),
                num_wire_qubits=record["num_wire_qubits"],
                lost_measurements=record["lost_measurements"],
            )
            for record in records
        ]
    except (TypeError, KeyError):
        # Kept by a version with other fields.
        return None


def _names(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
