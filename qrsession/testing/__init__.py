"""The local runtime for test suites: fixtures for pytest, and a context manager without it.

``with LocalRuntime() as runtime`` starts one and ends it; ``runtime.control`` makes it fail on
demand. pytest finds the fixtures by itself once this package is installed: see `plugin`.
"""

from qrsession.lazy_names import load_when_used

# Every run of pytest imports this package, so its names are loaded when they are first used.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from qrsession.testing.conditions import RuntimeConditions
    from qrsession.testing.control import Control, RuleCount
    from qrsession.testing.local_runtime import LocalRuntime
    from qrsession.testing.pool import RuntimePool

_HOMES = {
    "Control": "qrsession.testing.control",
    "LocalRuntime": "qrsession.testing.local_runtime",
    "RuleCount": "qrsession.testing.control",
    "RuntimeConditions": "qrsession.testing.conditions",
    "RuntimePool": "qrsession.testing.pool",
}

__all__ = ["Control", "LocalRuntime", "RuleCount", "RuntimeConditions", "RuntimePool"]

__getattr__, __dir__ = load_when_used(globals(), _HOMES, __all__)
