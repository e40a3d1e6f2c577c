"""Everything that qrsession raises on purpose.

::

    QrsessionError                        internal_error        1
    ├── UsageError                        usage                 2
    │   ├── InvalidValueError             invalid_value         2   also ValueError
    │   │   ├── InvalidTypeError          invalid_type          2   also TypeError
    │   │   └── UnknownOptionError        unknown_option        2   also AttributeError
    │   ├── CircuitError                  invalid_circuit       2   also ValueError
    │   └── RequestRefusedError           request_refused       2
    ├── NotAuthorizedError                not_authorized        3
    │   └── NoAccountError                no_account            3
    ├── NotFoundError                     not_found             4
    │   ├── SessionNotFoundError          session_not_found     4
    │   ├── JobNotFoundError              job_not_found         4
    │   ├── BackendNotFoundError          backend_not_found     4   also ValueError
    │   ├── InstanceNotFoundError         instance_not_found    4
    │   └── AccountNotFoundError          account_not_found     4
    ├── SessionClosedError                session_closed        5
    ├── JobFailedError                    job_failed            6
    ├── JobCancelledError                 job_cancelled         7
    ├── NotFinishedError                  not_finished          8
    ├── LimitReachedError                 limit_reached         9
    ├── ExpectationError                  expectation_failed   11
    ├── ServiceError                      service_error        10
    │   ├── ServiceUnavailableError       service_unavailable  10
    │   │   └── ReplyLostError            reply_lost           10
    │   ├── SubmissionUnknownError        submission_unknown   10
    │   ├── BackendOfflineError           backend_offline      10
    │   ├── WireFormatError               wire_format          10
    │   └── LocalRuntimeError             local_runtime        10
    ├── WaitTimeoutError                  timeout             124   also TimeoutError
    ├── StorageError                      storage               1
    └── InterruptedCommandError           interrupted         130
        ├── WaitInterruptedError          interrupted         130
        └── TerminatedCommandError        terminated          143

The second column is the code in the envelope of ``--json``, the third the exit code of the command
line. Both are part of the contract. Attributes carry what a program may want to know, so that
nobody has to parse a message.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class QrsessionError(Exception):
    """Superclass of all errors of this package. Never raised directly.

    Attributes:
        message: What happened, and why, in one sentence or two.
        advice: What to do about it, in one line.
        details: Facts about the failure by name, fit for JSON and free of secrets.
    """

    code: ClassVar[str] = "internal_error"
    exit_code: ClassVar[int] = 1
    default_advice: ClassVar[str] = "Run the command again with -vv and report what it prints."

    def __init__(
        self,
        message: str,
        *,
        advice: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.advice = self.default_advice if advice is None else advice
        self.details: dict[str, Any] = dict(details or {})
        self._text = f"{message} {advice}" if advice else message

    def __str__(self) -> str:
        # What a traceback shows must be enough to go on. The advice of a whole class of errors is
        # worded for the command line, and would be in the way there.
        return self._text


class UsageError(QrsessionError):
    """A command or a call was put together wrongly; nothing was done."""

    code = "usage"
    exit_code = 2
    default_advice = "See the command's --help."


class InvalidValueError(UsageError, ValueError):
    """A value is out of its range or not of its form. The message names the range or the form."""

    code = "invalid_value"


class InvalidTypeError(InvalidValueError, TypeError):
    """A value is of the wrong type.

    It is a ``ValueError`` too, since that is what Qiskit Runtime documents for a wrong value.
    """

    code = "invalid_type"


class UnknownOptionError(InvalidValueError, AttributeError):
    """There is no option of that name. The message has the nearest one, ``details`` the path.

    It is an ``AttributeError`` too, since options are set and read as attributes.
    """

    code = "unknown_option"


class CircuitError(UsageError, ValueError):
    """A circuit cannot be read, or not be run as it is. ``details`` has ``path`` and ``line``."""

    code = "invalid_circuit"
    default_advice = "Give an OpenQASM 2, OpenQASM 3 or QPY file; `qrsession run @bell` shows one."


class RequestRefusedError(UsageError):
    """The service looked at a request and refused it (HTTP 400, 409); nothing was accepted."""

    code = "request_refused"
    default_advice = "Change the request as the service's message says."


class NotAuthorizedError(QrsessionError):
    """The service does not accept the key, or the plan does not allow what was asked for."""

    code = "not_authorized"
    exit_code = 3
    default_advice = "Check the account's key, instance and plan."


class NoAccountError(NotAuthorizedError):
    """No account is set up, and none may be assumed."""

    code = "no_account"
    default_advice = "Set QISKIT_IBM_TOKEN, or add --local to use the local runtime."


class NotFoundError(QrsessionError):
    """What was named does not exist, or not for this account."""

    code = "not_found"
    exit_code = 4
    default_advice = "Check the name, and the account that it belongs to."


class SessionNotFoundError(NotFoundError):
    """No such session, or none was named and none is open."""

    code = "session_not_found"
    default_advice = "Open one with `qrsession open`; `qrsession list` shows those that are open."


class JobNotFoundError(NotFoundError):
    """No such job."""

    code = "job_not_found"
    default_advice = "`qrsession status` lists the jobs of a session."


class BackendNotFoundError(NotFoundError, ValueError):
    """No such backend. A ``ValueError``, as a wrong argument of `Session` is."""

    code = "backend_not_found"
    default_advice = "`qrsession backends` lists the backends of an account."


class InstanceNotFoundError(NotFoundError):
    """The key sees no such service instance, or none at all that fits."""

    code = "instance_not_found"
    default_advice = "`qrsession account check` lists the instances that a key sees."


class AccountNotFoundError(NotFoundError):
    """No account of that name is saved."""

    code = "account_not_found"
    default_advice = "`qrsession account list` shows which there are."


class SessionClosedError(QrsessionError):
    """The session takes no more jobs: it was closed, or its time is up."""

    code = "session_closed"
    exit_code = 5
    default_advice = "Open a new session: `qrsession open`."


class JobFailedError(QrsessionError):
    """The job ran, or was to run, and failed. ``details`` has ``reason`` and ``reason_code``."""

    code = "job_failed"
    exit_code = 6
    default_advice = "Change the circuit or the options as the reason says, and run it again."


class JobCancelledError(QrsessionError):
    """The job was cancelled before it gave a result."""

    code = "job_cancelled"
    exit_code = 7
    default_advice = "Run it again if it was not you who cancelled it."


class NotFinishedError(QrsessionError):
    """The job has no result yet."""

    code = "not_finished"
    exit_code = 8
    default_advice = "Ask again later."


class LimitReachedError(QrsessionError):
    """A limit was reached: of usage, of a budget, or of requests in a span of time."""

    code = "limit_reached"
    exit_code = 9
    default_advice = "Wait, or raise the limit where it is yours."


class ExpectationError(QrsessionError):
    """The job ran, and its result is not what was expected of it. The result was kept.

    ``details`` has ``expectations``: what was expected and what was seen, each with its error.
    """

    code = "expectation_failed"
    exit_code = 11
    default_advice = "Look at the result: `qrsession result`."


class ServiceError(QrsessionError):
    """The service answered in a way that cannot be used."""

    code = "service_error"
    exit_code = 10
    default_advice = "Try again in a while; report it if it stays."


class ServiceUnavailableError(ServiceError):
    """The service cannot be reached, or answers that it is down."""

    code = "service_unavailable"
    default_advice = "Check the network and the proxy, then try again."


class ReplyLostError(ServiceUnavailableError):
    """A request was sent and no reply came back: it may have been handled, or not."""

    code = "reply_lost"


class SubmissionUnknownError(ServiceError):
    """The reply to a submission was lost, and the job was not found since.

    It may yet appear, so it was not submitted again. ``details`` has the ``tag`` to look for.
    """

    code = "submission_unknown"
    default_advice = "Do not submit again before the tag has been looked up."


class BackendOfflineError(ServiceError):
    """The service is up and the backend is not, so it refused what was sent; nothing was accepted.

    It is no `ServiceUnavailableError`: to ask again at once is of no use.
    """

    code = "backend_offline"
    default_advice = "Choose another backend, or try again later: `qrsession backends`."


class WireFormatError(ServiceError):
    """A body is not what the protocol says: a field is missing or of another type."""

    code = "wire_format"
    default_advice = "The other end speaks another protocol, or another version of it."


class LocalRuntimeError(ServiceError):
    """The local runtime could not be started, or what listens at its port is not it."""

    code = "local_runtime"
    default_advice = "See `qrsession local status` and the log file that it names."


class WaitTimeoutError(QrsessionError, TimeoutError):
    """Waiting took longer than the caller allowed. What was waited for goes on."""

    code = "timeout"
    exit_code = 124
    default_advice = "It goes on; ask for its result later."


class StorageError(QrsessionError):
    """A file of ours cannot be read or written, or is not ours to touch."""

    code = "storage"
    default_advice = "Check the disk, and the owner and mode of the folder."


class InterruptedCommandError(QrsessionError):
    """A command was stopped by Ctrl-C (SIGINT). What it had begun elsewhere may go on."""

    code = "interrupted"
    exit_code = 130
    default_advice = "Jobs that were submitted go on: see `qrsession status`."


class WaitInterruptedError(InterruptedCommandError):
    """The user interrupted a wait. What was waited for goes on."""

    default_advice = "It goes on; ask for its result later."


class TerminatedCommandError(InterruptedCommandError):
    """A command was stopped by SIGTERM."""

    code = "terminated"
    exit_code = 143
