"""The local runtime for test suites: fixtures for pytest, and a context manager without it.

``with LocalRuntime() as runtime`` starts one and ends it; ``runtime.control`` makes it fail on
demand. pytest finds the fixtures by itself once this package is installed: see `plugin`.
"""

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


def __getattr__(name: str) -> object:
    """Import the module that defines a public name, when the name is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - see above

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
