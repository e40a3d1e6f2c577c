"""Qiskit Runtime sessions from a shell, a CI pipeline or a cluster job, and from Python.

Public names are loaded when they are first used (PEP 562): importing this package is free.
"""

# Type checkers know the name; importing it from typing would be most of this package's own time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from qrsession.accounts import Account
    from qrsession.errors import QrsessionError
    from qrsession.job import RuntimeJob
    from qrsession.options import Options
    from qrsession.primitives import Estimator, Sampler
    from qrsession.service import RuntimeService
    from qrsession.session import Batch, Session

__version__ = "0.1.0"

_HOMES = {
    "Account": "qrsession.accounts",
    "Batch": "qrsession.session",
    "Estimator": "qrsession.primitives",
    "Options": "qrsession.options",
    "QrsessionError": "qrsession.errors",
    "RuntimeJob": "qrsession.job",
    "RuntimeService": "qrsession.service",
    "Sampler": "qrsession.primitives",
    "Session": "qrsession.session",
}

__all__ = [
    "Account",
    "Batch",
    "Estimator",
    "Options",
    "QrsessionError",
    "RuntimeJob",
    "RuntimeService",
    "Sampler",
    "Session",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Import the module that defines a public name, when the name is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - half of this package's own import time

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
