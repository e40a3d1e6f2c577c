"""`CircuitJob`: circuits that a backend runs, as programs from before the primitives know it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit
from qiskit.providers import JobStatus, JobV1
from qiskit.result import Result

from qrsession.circuit_runs.results import to_result
from qrsession.errors import UsageError
from qrsession.job import RuntimeJob

if TYPE_CHECKING:
    from qrsession.backend import Backend


class CircuitJob(JobV1):
    """The job of ``Backend.run``: one job of the sampler, with Qiskit's ``Result``.

    Made by ``Backend.run``, which has submitted it. Not by its own constructor.

    Attributes:
        runtime_job: The job of the sampler, with all that the service knows of it.
    """

    def __init__(
        self,
        backend: "Backend",
        runtime_job: RuntimeJob,
        circuits: Sequence[QuantumCircuit],
        *,
        has_memory: bool,
    ) -> None:
        super().__init__(backend, runtime_job.job_id())
        self.runtime_job = runtime_job
        self._circuits = list(circuits)
        self._has_memory = has_memory
        self._result: Result | None = None

    def __repr__(self) -> str:
        return f"<CircuitJob({self.job_id()!r}, {self.backend().name!r})>"

    def submit(self) -> None:
        """Refuse: ``Backend.run`` has submitted it.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            f"Job {self.job_id()} was submitted when it was made.",
            advice="Call the backend's run for another job.",
        )

    def result(self, timeout: float | None = None) -> Result:
        """Wait for its result and return it.

        Counts and memory have a circuit's bits in its own order: bit 0 on the right. Memory is
        there only where ``memory=True`` was given to ``run``.

        Args:
            timeout: The longest to wait, in seconds; None: as long as it takes.

        Raises:
            JobFailedError: It failed, or exceeded its maximum execution time.
            JobCancelledError: It was cancelled.
            WaitTimeoutError: The time ran out; the job goes on.
        """
        if self._result is None:
            pubs = self.runtime_job.result(timeout)
            self._result = to_result(self, self._circuits, pubs, has_memory=self._has_memory)
        return self._result

    def status(self) -> JobStatus:
        """Return its state. One that Qiskit has no word for counts as initializing."""
        return JobStatus.__members__.get(self.runtime_job.status(), JobStatus.INITIALIZING)

    def cancel(self) -> None:
        """Cancel it.

        Raises:
            RequestRefusedError: It is finished already.
        """
        self.runtime_job.cancel()

    def error_message(self) -> str | None:
        """Return why it failed or was cancelled, None where it was not."""
        return self.runtime_job.error_message()

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,  # noqa: ARG002 - Qiskit's signature; the service says when it is done
        callback: Callable[[str, JobStatus, JobV1], Any] | None = None,
    ) -> None:
        """Wait until it is done, failed or cancelled.

        Args:
            timeout: The longest to wait, in seconds; None: as long as it takes.
            wait: Of no effect: a service that can tells at once when the state changes, and
                others are asked at intervals that grow.
            callback: Called with the job's id, its state and the job whenever the state changed.

        Raises:
            WaitTimeoutError: The time ran out; the job goes on.
            ServiceUnavailableError: The service stayed out of reach.
        """

        def tell(_: Any) -> None:
            if callback is not None:
                callback(self.job_id(), self.status(), self)

        self.runtime_job.wait_for_final_state(timeout, on_change=tell)
