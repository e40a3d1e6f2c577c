"""How the runtime says no: one exception, raised anywhere, written out at one edge."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

from qrsession.errors import InvalidValueError, QrsessionError, WireFormatError
from qrsession.protocol import faults
from qrsession.protocol.faults import Fault

T = TypeVar("T")

# IBM's registry has no published number for these; its older paths answer with such words.
NOT_FOUND = "not_found"
NOT_CANCELLABLE = "not_cancellable"
METHOD_NOT_ALLOWED = "method_not_allowed"
PAYLOAD_TOO_LARGE = "payload_too_large"

# A message may quote what was sent, which may be long.
_LONGEST_MESSAGE = 500
_LONGEST_NAME = 100
_MOST_NAMES = 8


class FaultError(QrsessionError):
    """A request cannot be answered. The edge turns this into an error reply; no user meets it."""

    def __init__(self, fault: Fault, *, retry_after_s: int | None = None) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.retry_after_s = retry_after_s


def bad_request(
    message: str, *, code: int = faults.BAD_REQUEST, solution: str = "Change the request."
) -> FaultError:
    """Refuse a request for what it says: HTTP 400."""
    return FaultError(Fault(400, code, message, solution))


def not_found(what: str, name: str) -> FaultError:
    """Refuse a request for what it names: HTTP 404. ``what`` is Job, Session, Backend, ..."""
    return FaultError(
        Fault(
            404,
            NOT_FOUND,
            f"{what} not found. {what} ID: {name}",
            f"Check the ID of the {what.lower()} and try again.",
        )
    )


def unknown_backend(name: str, known: Iterable[str]) -> FaultError:
    """Refuse something new on a backend that there is not: HTTP 400, as IBM's client expects."""
    some = ", ".join(islice(known, _MOST_NAMES))
    return bad_request(
        f"Backend not found. Backend ID: {name[:_LONGEST_NAME]}",
        solution=f"Backends are {some} and others that GET /backends lists.",
    )


def read(parse: Callable[[Any], T], body: Any) -> T:
    """Read a body by a ``from_wire``, and refuse the request where it has another form."""
    try:
        return parse(body)
    except WireFormatError as error:
        raise bad_request(error.message, solution="See the API reference for the body.") from error


def as_refusal(error: InvalidValueError) -> FaultError:
    """Turn a failed check of ours into a refusal."""
    return bad_request(error.message[:_LONGEST_MESSAGE], solution=error.advice)
