"""Which of a service's backends is meant: by name, by what it can do, by its queue."""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import find_spec

from qrsession.accounts.account import Account
from qrsession.errors import BackendNotFoundError
from qrsession.names import listed
from qrsession.protocol.models import BackendSummary

_ONLINE = "online"
_MOST_NAMES = 8
_CARRIER = "qiskit_ibm_runtime"


def those_with(
    backends: Sequence[BackendSummary],
    min_num_qubits: int | None,
    *,
    simulator: bool | None,
    operational: bool | None,
) -> tuple[BackendSummary, ...]:
    """Return the backends that are as wanted; None where it does not matter.

    Args:
        backends: All that there are.
        min_num_qubits: The least width.
        simulator: Whether they simulate.
        operational: Whether they are online.
    """
    return tuple(
        one
        for one in backends
        if (one.num_qubits or 0) >= (min_num_qubits or 0)
        and simulator in {None, one.is_simulator}
        and operational in {None, one.status == _ONLINE}
    )


def least_busy_of(
    backends: Sequence[BackendSummary], account: Account, min_num_qubits: int
) -> BackendSummary:
    """Return the one with the shortest queue; simulators first, which add no noise unasked.

    Raises:
        BackendNotFoundError: There is none.
    """
    if not backends:
        raise BackendNotFoundError(
            f"No backend of the account {account.name!r} is online"
            + (f" with {min_num_qubits} qubits." if min_num_qubits else ".")
        )
    return min(backends, key=lambda one: (not one.is_simulator, one.queue_length))


def unknown_backend(
    name: str, backends: Sequence[BackendSummary], account: Account
) -> BackendNotFoundError:
    """Return the error for a name that no backend has; it names those that there are."""
    names = [backend.name for backend in backends]
    near = get_close_matches(name, names, cutoff=0.8)
    others = [other for other in names if other not in near]
    known = listed([*near, *others], _MOST_NAMES)
    advice = "`qrsession backends` lists them."
    if not account.is_local:
        advice = (
            "To run it on the local runtime: --local, or in Python "
            'Session(service=RuntimeService("local"), backend="aer_simulator").'
        )
    elif find_spec(_CARRIER) is None:
        advice = (
            "Twins of devices come with qiskit-ibm-runtime, which is not installed here, or "
            "from `qrsession backends snapshot NAME`."
        )
    return BackendNotFoundError(
        f"The account {account.name!r} has no backend {name!r}; it has {known}.",
        advice=advice,
        details={"backend": name, "account": account.name},
    )
