"""What a session is made with, held against its form before anything is asked of anyone."""

from operator import index
from typing import Any

from qrsession.duration import format_duration, parse_duration
from qrsession.errors import BackendNotFoundError, InvalidTypeError, InvalidValueError
from qrsession.protocol.bounds import LARGEST_MAX_TTL_S
from qrsession.service import RuntimeService, service_of

SHORTEST_SESSION_S = 300
_DURATION_FORM = 'seconds, or a string like "2h 30m 40s"'


def parse_max_time(max_time: Any) -> int | None:
    """Read a session's maximum time, and return it in seconds.

    Raises:
        InvalidTypeError: It is neither a whole number nor a string.
        InvalidValueError: It is shorter than 300 s, or not of the form of a duration.
    """
    if max_time is None:
        return None
    # Whole numbers of numpy are no int.
    is_whole = hasattr(max_time, "__index__") and not isinstance(max_time, bool)
    if not (is_whole or isinstance(max_time, str)):
        raise InvalidTypeError(
            f"max_time must be {_DURATION_FORM}, not {max_time!r}.",
            advice=f"It must be at least {SHORTEST_SESSION_S} s.",
        )
    max_time_s = parse_duration(max_time) if isinstance(max_time, str) else index(max_time)
    if not SHORTEST_SESSION_S <= max_time_s <= LARGEST_MAX_TTL_S:
        raise InvalidValueError(
            f"max_time is {max_time!r}; it must be at least {SHORTEST_SESSION_S} s (5 minutes) and "
            "at most what the service allows.",
            advice=f"Give {_DURATION_FORM}.",
        )
    return max_time_s


def check_longest(
    max_time_s: int | None, service: RuntimeService, *, is_needed: bool
) -> int | None:
    """Hold a maximum time against the longest that the plan allows, and return that, if known.

    Args:
        max_time_s: The maximum time; None where none is given.
        service: The service, settled at its instance.
        is_needed: Whether the caller wants the longest though no maximum time is given.

    Raises:
        InvalidValueError: The plan allows less.
    """
    longest_s = None
    if max_time_s is not None or is_needed:
        from qrsession.accounts.plan_limits import longest_session_s  # noqa: PLC0415 - for `open` alone

        longest_s = longest_session_s(service)
    if max_time_s is not None and longest_s is not None and max_time_s > longest_s:
        raise InvalidValueError(
            f"max_time is {max_time_s} s; it must be {SHORTEST_SESSION_S} s to {longest_s} s "
            f"({format_duration(longest_s)}), the longest that the plan allows.",
            details={"longest_s": longest_s},
        )
    return longest_s


def name_of(backend: Any) -> str | None:
    """Return the name of what is given as a backend, None where nothing is.

    Raises:
        InvalidTypeError: It is neither a name nor a backend.
        BackendNotFoundError: The name is empty.
    """
    if backend is None:
        return None
    name = backend if isinstance(backend, str) else getattr(backend, "name", None)
    # Backends of Qiskit's older interface had a method there.
    name = name() if callable(name) else name
    if not isinstance(name, str):
        raise InvalidTypeError(
            f"backend must be a backend or the name of one, not {type(backend).__name__}."
        )
    if not name.strip():
        raise BackendNotFoundError("The name of the backend is empty.")
    return name


def service_for(service: Any, backend: Any, kind: str = "Session") -> RuntimeService:
    """Return the service that is given, else the backend's own, else the default account's.

    Raises:
        InvalidTypeError: It is something else.
    """
    if service is None:
        return service_of(backend) or RuntimeService()
    if isinstance(service, RuntimeService):
        return service
    if isinstance(service, str) or hasattr(service, "target") or hasattr(service, "num_qubits"):
        raise InvalidTypeError(
            f"The first argument of {kind} is the service.",
            advice=f'Name the backend: {kind}(backend="...").',
        )
    raise InvalidTypeError(f"service must be a RuntimeService, not {type(service).__name__}.")
