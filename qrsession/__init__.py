"""Qiskit Runtime sessions from a shell, a CI pipeline or a cluster job, and from Python.

Public names are loaded when they are first used (PEP 562): importing this package is free.
"""

from qrsession.lazy_names import load_when_used

# Type checkers know the name; importing it from typing would be most of this package's own time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from qrsession.accounts.account import Account
    from qrsession.errors import QrsessionError
    from qrsession.job import RuntimeJob
    from qrsession.options import Options
    from qrsession.primitives import Estimator, EstimatorV2, Sampler, SamplerV2
    from qrsession.service import RuntimeService
    from qrsession.session import Batch, Session

__version__ = "0.1.0"

_HOMES = {
    "Account": "qrsession.accounts.account",
    "Batch": "qrsession.session",
    "Estimator": "qrsession.primitives",
    "EstimatorV2": "qrsession.primitives",
    "Options": "qrsession.options",
    "QrsessionError": "qrsession.errors",
    "RuntimeJob": "qrsession.job",
    "RuntimeService": "qrsession.service",
    "Sampler": "qrsession.primitives",
    "SamplerV2": "qrsession.primitives",
    "Session": "qrsession.session",
}

__all__ = [
    "Account",
    "Batch",
    "Estimator",
    "EstimatorV2",
    "Options",
    "QrsessionError",
    "RuntimeJob",
    "RuntimeService",
    "Sampler",
    "SamplerV2",
    "Session",
    "__version__",
]

__getattr__, __dir__ = load_when_used(globals(), _HOMES, __all__)
