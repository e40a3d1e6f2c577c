"""A backend of the service, as Qiskit sees backends: built from its two documents.

Source: "Get backend information" in IBM's guides; ``configuration`` and ``properties`` in the API
reference.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qiskit.providers import BackendV2
from qiskit.providers import Options as RunOptions
from qiskit.transpiler import Target

from qrsession.circuits.isa import InstructionSet
from qrsession.circuits.target import build_target, has_fractional_gates
from qrsession.errors import InvalidValueError, NotFoundError
from qrsession.protocol.fields import optional, required
from qrsession.protocol.models import BackendStatus
from qrsession.service import BackendDocuments

if TYPE_CHECKING:
    from qrsession.circuit_runs.jobs import CircuitJob
    from qrsession.service import RuntimeService

_NS = 1e-9
# Of `Backend.run`: as many as Qiskit's own simulators take.
_DEFAULT_SHOTS = 1024


class Backend(BackendV2):
    """A QPU or simulator of a service, with the target that circuits are transpiled to.

    Args:
        configuration: The body of ``GET /backends/{name}/configuration``.
        properties: The body of ``GET /backends/{name}/properties``; empty for simulators.
        service: The service that it belongs to.
        use_fractional_gates: Whether its target has gates with an angle that takes time, ``rzz``
            and ``rx``; None: where the backend has such gates.

    Attributes:
        configuration: As it was given.
        properties: As they were given.
        use_fractional_gates: As it was given.

    Raises:
        WireFormatError: A document lacks what a backend needs.
        InvalidValueError: Fractional gates are asked for, and the backend has none (a
            ``ValueError``).
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        properties: Mapping[str, Any] | None = None,
        service: "RuntimeService | None" = None,
        *,
        use_fractional_gates: bool | None = False,
    ) -> None:
        super().__init__(
            provider=service,
            name=required(configuration, "backend_name", str),
            description=optional(configuration, "description", str),
            online_date=_date(optional(configuration, "online_date", str)),
            backend_version=optional(configuration, "backend_version", str),
        )
        if use_fractional_gates and not has_fractional_gates(configuration):
            raise InvalidValueError(
                f"The backend {self.name!r} has no fractional gates.",
                advice="Leave use_fractional_gates (on the command line, --fractional-gates) out.",
                details={"backend": self.name},
            )
        self.configuration = dict(configuration)
        self.properties = dict(properties or {})
        self.use_fractional_gates = use_fractional_gates
        self._target: Target | None = None
        self._documents: BackendDocuments | None = None

    def __repr__(self) -> str:
        """Name it: Qiskit's own would be an address."""
        return f"<Backend({self.name!r})>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied and pickled as its documents, of which the copy builds its target anew."""
        return _of_documents, (
            self.documents,
            self.service,
            self.use_fractional_gates,
            self._options,
        )

    @property
    def service(self) -> "RuntimeService | None":
        """The service that it belongs to."""
        service: RuntimeService | None = self.provider
        return service

    @property
    def is_simulator(self) -> bool:
        """Whether it simulates."""
        return optional(self.configuration, "simulator", bool) or False

    @property
    def target(self) -> Target:
        """Its instructions, by qubits, with durations in seconds and errors where it has them."""
        if self._target is None:
            self._target = build_target(
                self.configuration,
                self.properties,
                use_fractional_gates=self.use_fractional_gates,
            )
        return self._target

    @cached_property
    def instruction_set(self) -> InstructionSet:
        """All that it runs as it is, its fractional gates included."""
        return InstructionSet(self.configuration, self.properties)

    @property
    def dtm(self) -> float:
        """The time step of what is measured, in seconds.

        Raises:
            NotImplementedError: The backend, such as a simulator, has none; as Qiskit documents.
        """
        step_ns = optional(self.configuration, "dtm", float)
        if step_ns is None:
            raise NotImplementedError(
                f"The backend {self.name!r} has no time step of measurements."
            )
        return step_ns * _NS

    @property
    def meas_map(self) -> list[list[int]]:
        """Groups of qubits that are measured together."""
        groups: list[list[int]] = optional(self.configuration, "meas_map", list) or []
        return groups

    def status(self) -> BackendStatus:
        """Ask whether it takes jobs, and how many wait for it.

        Raises:
            NotFoundError: It belongs to no service.
        """
        if self.service is None:
            raise NotFoundError(
                f"{self.name} belongs to no service that could be asked.",
                advice="Take it from one: RuntimeService().backend(name).",
            )
        return self.service.client.get_backend_status(self.name)

    @property
    def max_circuits(self) -> int | None:
        """The most circuits in a job; None, since the primitives have no such limit."""
        return None

    @property
    def documents(self) -> BackendDocuments:
        """Its two documents as text, with their fingerprint."""
        if self._documents is None:
            self._documents = BackendDocuments.of(
                json.dumps(self.configuration), json.dumps(self.properties)
            )
        return self._documents

    @classmethod
    def of_documents(
        cls,
        documents: BackendDocuments,
        service: "RuntimeService | None" = None,
        *,
        use_fractional_gates: bool | None = False,
    ) -> "Backend":
        """Build a backend of its two documents as text.

        Raises:
            WireFormatError: A document lacks what a backend needs.
            InvalidValueError: Fractional gates are asked for, and the backend has none.
        """
        backend = cls(
            json.loads(documents.configuration),
            json.loads(documents.properties),
            service,
            use_fractional_gates=use_fractional_gates,
        )
        backend._documents = documents
        return backend

    @classmethod
    def _default_options(cls) -> RunOptions:
        return RunOptions(
            shots=_DEFAULT_SHOTS,
            memory=False,
            seed_simulator=None,
            meas_level=2,
            session=None,
            sampler_options=None,
        )

    def run(self, run_input: Any, **options: Any) -> "CircuitJob":
        """Run circuits with the sampler, for programs that know no primitives.

        New programs use `Sampler`, whose parameter arrays take one job for many points.

        Args:
            run_input: A circuit, or several: they make one job. Each is made of the backend's
                instructions, and measures.
            **options: ``shots`` (1024); ``memory``, whether the result has each shot
                (False); ``seed_simulator``, where the backend simulates; ``session``, a
                `Session` or `Batch` on this backend that the job runs in, else it stands alone;
                ``sampler_options``, a dict of all that `Options` takes; ``meas_level``, which is
                2. ``set_options`` sets them for all runs to come.

        Returns:
            A job of Qiskit's (``JobV1``), whose result is a ``qiskit.result.Result``.

        Raises:
            InvalidTypeError: What is to be run is no circuit, or an option is unknown or of the
                wrong type.
            InvalidValueError: An option is out of its range, or the session is on another backend.
            CircuitError: A circuit measures nothing, or is not made of the backend's instructions.
            SessionClosedError: The session takes no more jobs.
        """
        from qrsession.circuit_runs.running import run_circuits  # noqa: PLC0415 - it imports this

        return run_circuits(self, run_input, options)


def _of_documents(
    documents: BackendDocuments,
    service: "RuntimeService | None",
    use_fractional_gates: bool | None,  # noqa: FBT001 - pickle gives all by position
    options: RunOptions,
) -> Backend:
    backend = Backend.of_documents(documents, service, use_fractional_gates=use_fractional_gates)
    backend._options = options  # noqa: SLF001 - its own module
    return backend


def _date(text: str | None) -> datetime | None:
    with suppress(ValueError):
        return None if text is None else datetime.fromisoformat(text)
    return None
