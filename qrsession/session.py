"""`Session` and `Batch`: jobs that belong together, on one backend.

Source: "Introduction to execution modes" and "Run jobs in a session" in IBM's guides.
"""

import threading
from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from qrsession.accounts.placement import Wants
from qrsession.callbacks import Callback, call_back
from qrsession.errors import InvalidValueError, SessionClosedError
from qrsession.job import RuntimeJob
from qrsession.money.budgets import longest_with
from qrsession.money.going_on import at_session_end
from qrsession.options import Options
from qrsession.protocol.models import SessionRecord, SessionRequest
from qrsession.protocol.options import OPTIONS_OF, merged
from qrsession.protocol.status import SessionMode, SessionState
from qrsession.service import BackendDocuments, RuntimeService, service_of
from qrsession.session_arguments import check_longest, name_of, parse_max_time, service_for
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger
from qrsession.submission.opening import Entering, close_session, open_session
from qrsession.submission.patience import Patience
from qrsession.submission.submit import submit

if TYPE_CHECKING:
    from qrsession.backend import Backend

_current: "ContextVar[Session | None]" = ContextVar("current session", default=None)


class Session:
    """A session: exclusive, prioritised use of one backend for jobs that follow each other.

    It starts when its first job starts; data used in it, such as transpiled circuits, is cached.
    Making one asks the service for it, which costs nothing until a job runs. As a context manager
    it is closed at the end, whatever happened inside, and a primitive that is made inside without
    a mode runs in it. Threads may share it.

    Args:
        service: The service; None: the one that the backend belongs to, if known, else the one of
            the default account (see `RuntimeService`).
        backend: A backend, or the name of one; None: the least busy.
        max_time: The longest it may last, counted from its first job: seconds, or a string like
            ``"2h 30m 40s"``; at least 300 s and at most what the plan allows. Past it the session
            is closed by force. None: the service's maximum.

    Raises:
        InvalidValueError: ``max_time`` is out of range or not of its form (a ``ValueError``).
        InvalidTypeError: An argument is of the wrong type (a ``ValueError`` and ``TypeError``).
        BackendNotFoundError: There is no such backend (a ``ValueError``).
        NotAuthorizedError: The plan does not allow it.
    """

    mode = SessionMode.DEDICATED
    # Whether circuits may be transpiled to gates with an angle that takes time.
    use_fractional_gates: bool | None
    _device: "Backend | None"
    # The session around this one's ``with`` block.
    _outer: "Session | None" = None

    def __init__(
        self,
        service: RuntimeService | None = None,
        backend: Any = None,
        max_time: int | str | None = None,
    ) -> None:
        self._open(service, backend, max_time, Entering(), Patience())

    @classmethod
    def entered(
        cls,
        service: RuntimeService,
        backend: Any,
        max_time: int | str | None,
        entering: Entering,
        patience: Patience,
    ) -> tuple[Self, SessionEntry]:
        """Open a session as a command does, and return it with its entry in the ledger.

        Arguments and errors are those of the class; ``entering`` says how the ledger gets it.
        """
        session = cls.__new__(cls)
        return session, cls._open(session, service, backend, max_time, entering, patience)

    def _open(
        self,
        service: RuntimeService | None,
        backend: Any,
        max_time: int | str | None,
        entering: Entering,
        patience: Patience,
    ) -> SessionEntry:
        # What needs no request first: nothing is asked of anyone for a call that cannot succeed.
        max_time_s = parse_max_time(max_time)
        name = name_of(backend)
        service = service_for(service, backend, type(self).__name__)
        service.choose_instance(Wants(name))
        longest_s = check_longest(max_time_s, service, is_needed=entering.budget_s is not None)
        name = name or service.least_busy_name()
        ours = backend if service_of(backend) is service else None
        documents = service.fetch_documents(name) if ours is None else ours.documents
        request = SessionRequest(
            mode=self.mode,
            backend=name,
            instance=service.instance,
            max_ttl_s=longest_with(max_time_s, entering.budget_s, self.mode, longest_s),
        )
        ledger = Ledger(service.settings)
        record, entry = open_session(service, request, ledger, entering, patience)
        self._bind(service, record)
        if ours is not None:
            self._device, self.use_fractional_gates = ours, ours.use_fractional_gates
        service.keep_documents(self._session_id, self._backend, documents)
        return entry

    @classmethod
    def from_id(
        cls,
        session_id: str,
        service: RuntimeService | None = None,
        *,
        use_fractional_gates: bool | None = False,
    ) -> Self:
        """Take up a session that is there already.

        Args:
            session_id: Its id.
            service: The service that it is of; None: that of the default account.
            use_fractional_gates: Whether circuits may be transpiled to gates with an angle that
                takes time: see `RuntimeService.backend`.

        Raises:
            SessionNotFoundError: There is none of that id.
            InvalidValueError: It is of the other mode.
        """
        service = service or RuntimeService()
        record = service.client.get_session(session_id)
        if record.mode != cls.mode:
            other = "Batch" if record.mode == SessionMode.BATCH else "Session"
            raise InvalidValueError(
                f"{session_id} is of mode {record.mode!r}.", advice=f"Use {other}.from_id."
            )
        session = cls.of_record(service, record)
        session.use_fractional_gates = use_fractional_gates
        return session

    @classmethod
    def of_record(cls, service: RuntimeService, record: SessionRecord) -> Self:
        """Make a session of what is known of it, without a request."""
        session = cls.__new__(cls)
        cls._bind(session, service, record)
        return session

    def _bind(self, service: RuntimeService, record: SessionRecord) -> None:
        self._service = service
        self._session_id = record.session_id
        self._backend = record.backend or ""
        self._record = record
        self._is_closed = record.state == SessionState.CLOSED
        self._device = None
        self._lock = threading.Lock()
        self.use_fractional_gates = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._session_id!r}, backend={self._backend!r})>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied and pickled as what is known of it: the copy is of the same session."""
        state = {"use_fractional_gates": self.use_fractional_gates, "_is_closed": self._is_closed}
        return type(self).of_record, (self._service, self._record), state

    def __enter__(self) -> Self:
        self._outer = _current.get()
        _current.set(self)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _current.set(self._outer)
        self._outer = None
        self.close()

    @property
    def service(self) -> RuntimeService:
        """The service that it belongs to."""
        return self._service

    @property
    def session_id(self) -> str:
        """Its id."""
        return self._session_id

    def backend(self) -> str:
        """Return the name of its backend."""
        return self._backend

    def record(self) -> SessionRecord:
        """Return what the service last said of it, without asking."""
        return self._record

    def refresh(self) -> SessionRecord:
        """Ask the service what it is now."""
        self._record = self._service.client.get_session(self._session_id)
        return self._record

    def documents(self) -> BackendDocuments:
        """Return its backend's documents: asked for once in its life, by whichever process."""
        return self._service.session_documents(self._session_id, self._backend)

    def device(self) -> "Backend":
        """Return its backend as Qiskit sees it, built once. Imports Qiskit.

        Raises:
            InvalidValueError: Fractional gates are asked for, and the backend has none.
        """
        with self._lock:
            if self._device is None:
                self._device = self._service.build_backend(
                    self.documents(), use_fractional_gates=self.use_fractional_gates
                )
            return self._device

    def run(
        self,
        program_id: str,
        inputs: Mapping[str, Any],
        options: Options | Mapping[str, Any] | None = None,
        result_decoder: Any = None,
        callback: Callback | None = None,
    ) -> RuntimeJob:
        """Run a program of the service in this session.

        Args:
            program_id: ``sampler`` or ``estimator``.
            inputs: The program's parameters, such as ``{"pubs": [...]}``, with Qiskit's objects
                or as JSON.
            options: Options of the job: maximum execution time, tags, and so on. For a primitive
                they may have its own too; what ``inputs["options"]`` says goes before these.
            result_decoder: Makes the job's result of the service's text, in place of our own: see
                `RuntimeJob.result`.
            callback: Called once with the job's id and its result, when that is there, in a
                thread of its own; a program does not end before. It is not called for a job that
                fails or is cancelled, which is logged, as is what it raises itself.

        Raises:
            CircuitError: A circuit is not made of the backend's instructions.
            SessionClosedError: The session takes no more jobs.
        """
        from qrsession.codec import encode  # noqa: PLC0415 - the room of Qiskit

        self.check_open()
        options = Options.of(options)
        if program_id in OPTIONS_OF:
            self._check_pubs(program_id, inputs.get("pubs"))
            inputs = _with_defaults(program_id, inputs, options)
        submitted = self.submit(program_id, encode(dict(inputs)), options)
        job = RuntimeJob(self._service, submitted.record(), result_decoder)
        if callback is not None:
            call_back(job, callback)
        return job

    def _check_pubs(self, program_id: str, pubs: Any) -> None:
        from qrsession.circuits.isa import check_pubs  # noqa: PLC0415 - the room of Qiskit

        if isinstance(pubs, list | tuple):
            check_pubs(program_id, pubs, self.device().instruction_set)

    def submit(self, program_id: str, params: dict[str, Any], options: Options) -> RuntimeJob:
        """Submit a job whose parameters are JSON already.

        Raises:
            SessionClosedError: The session takes no more jobs.
        """
        self.check_open()
        request = options.to_request(
            program_id, params, backend=self._backend, session_id=self._session_id
        )
        return RuntimeJob.of_submission(self._service, request, submit(self._service, request))

    def check_open(self) -> None:
        """Raise where it was closed here, before anything is asked of anyone.

        Raises:
            SessionClosedError: It was.
        """
        if self._is_closed:
            error = SessionClosedError(
                f"The session {self._session_id} is closed.",
                details={"session_id": self._session_id},
            )
            raise at_session_end(self._service, self._session_id, error)

    def close(self) -> None:
        """Take no more jobs; those queued run to their end. Closing twice is no error.

        Raises:
            ServiceUnavailableError: The service is out of reach; the next command that reaches it
                closes the session.
        """
        if not self._is_closed:
            self._end(cancel=False)

    def cancel(self) -> None:
        """Take no more jobs and drop those queued; one that runs runs to its end.

        Raises:
            ServiceUnavailableError: As `close`.
        """
        self._end(cancel=True)

    def _end(self, *, cancel: bool) -> None:
        close_session(self._service, self._session_id, cancel=cancel)
        self._is_closed = True
        Ledger(self._service.settings).remove([self._session_id])

    def status(self) -> str:
        """Return its state in the words of qiskit-ibm-runtime, such as ``"Pending"``."""
        record = self.refresh()
        if record.state in {SessionState.OPEN, SessionState.INACTIVE}:
            return "Pending"
        accepting = {
            SessionState.PENDING_INACTIVE.value: True,
            SessionState.PENDING_CLOSED.value: False,
            SessionState.ACTIVE.value: record.accepting_jobs,
        }.get(record.state)
        if accepting is None:
            return record.state.capitalize()
        return f"In progress, {'' if accepting else 'not '}accepting new jobs"

    def details(self) -> dict[str, Any]:
        """Return what the service knows of it, by the names of qiskit-ibm-runtime; seconds, UTC."""
        record = self.refresh()
        return {
            "id": record.session_id,
            "backend_name": record.backend,
            "interactive_timeout": record.interactive_ttl_s,
            "max_time": record.max_ttl_s,
            "active_timeout": record.active_ttl_s,
            "state": record.state,
            "accepting_jobs": record.accepting_jobs,
            "last_job_started": record.last_job_started,
            "last_job_completed": record.last_job_completed,
            "started_at": record.started_at,
            "closed_at": record.closed_at,
            "activated_at": record.activated_at,
            "mode": record.mode,
            "usage_time": record.elapsed_time_s,
            "timestamps": [
                {"status": state, "timestamp": when} for state, when in record.timestamps
            ],
        }

    def usage(self) -> float | None:
        """Return what it has used, in seconds; None while the service has not settled it."""
        return self.refresh().elapsed_time_s


class Batch(Session):
    """A batch: jobs that are independent of each other, run side by side as lanes are free.

    Arguments and errors are those of `Session`.
    """

    mode = SessionMode.BATCH


def current_session() -> Session | None:
    """Return the session whose ``with`` block this is in, None outside of any."""
    return _current.get()


def _with_defaults(
    program_id: str, inputs: Mapping[str, Any], options: Options
) -> Mapping[str, Any]:
    """Return a primitive's inputs with what it expects beside pubs, and with its options."""
    params = options.to_params(program_id, inputs.get("pubs"))
    found = {**params, **inputs}
    if params["options"]:
        found["options"] = merged(params["options"], inputs.get("options") or {})
    return found
