"""Fixtures for pytest: a runtime, its control, and a service that is connected to it.

Installing the package is enough. A run whose tests use none of them pays for the import of this
module alone. Tests share a process of the runtime, and each finds it as new.
"""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qrsession.service import RuntimeService
    from qrsession.testing import Control, LocalRuntime, RuntimeConditions, RuntimePool

_MARKER = "qrsession"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(plan, clock_rate, usage_limit_s, submissions_per_minute, ideal, twins,"
        " workers): run the test with a local runtime under these conditions",
    )


@pytest.fixture(scope="session")
def qrsession_conditions() -> "RuntimeConditions":
    """Conditions of all runtimes, for a ``conftest.py`` to override; markers change them."""
    from qrsession.testing import RuntimeConditions  # noqa: PLC0415 - who needs none must not pay

    return RuntimeConditions()


@pytest.fixture(scope="session")
def qrsession_runtimes(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[RuntimePool]":
    """The runtimes of this session by their conditions, for fixtures of a wider scope."""
    from qrsession.testing import RuntimePool  # noqa: PLC0415 - likewise

    pool = RuntimePool(lambda: tmp_path_factory.mktemp("qrsession"))
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture
def qrsession_runtime(
    request: pytest.FixtureRequest,
    qrsession_conditions: "RuntimeConditions",
    qrsession_runtimes: "RuntimePool",
) -> "Iterator[LocalRuntime]":
    """A local runtime that is up, with no job, session or usage of another test."""
    runtime = qrsession_runtimes.under(_conditions_of(request, qrsession_conditions))
    try:
        yield runtime
    finally:
        # A test may have ended it, and then this starts it again.
        qrsession_runtimes.under(runtime.conditions).control.reset()


@pytest.fixture
def qrsession_control(qrsession_runtime: "LocalRuntime") -> "Control":
    """What makes the runtime fail on demand; everything is undone after the test."""
    return qrsession_runtime.control


@pytest.fixture
def qrsession_service(qrsession_runtime: "LocalRuntime") -> "RuntimeService":
    """A `qrsession.RuntimeService` that is connected to the runtime."""
    return qrsession_runtime.service()


@pytest.fixture
def qrsession_environ(
    qrsession_runtime: "LocalRuntime", monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Variables by which code under test finds the runtime by itself; set, and returned."""
    environ = qrsession_runtime.environ
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


@pytest.fixture
def qiskit_runtime_service(request: pytest.FixtureRequest) -> Any:
    """A ``QiskitRuntimeService`` that is connected to the runtime.

    Code under test that makes one of its own, without arguments, gets the same. The test is
    skipped where qiskit-ibm-runtime is not installed.
    """
    client = pytest.importorskip("qiskit_ibm_runtime", exc_type=ModuleNotFoundError)
    request.getfixturevalue("qrsession_environ")
    return client.QiskitRuntimeService()


def _conditions_of(
    request: pytest.FixtureRequest, common: "RuntimeConditions"
) -> "RuntimeConditions":
    """Change the common conditions as the test's markers say; the nearest one counts."""
    known = [field.name for field in fields(common)]
    conditions = common
    for marker in reversed(list(request.node.iter_markers(_MARKER))):
        unknown = [name for name in marker.kwargs if name not in known]
        if marker.args or unknown:
            raise pytest.UsageError(
                f"@pytest.mark.{_MARKER} takes {', '.join(known)}, by name;"
                f" not {', '.join(unknown) or 'values without a name'}."
            )
        conditions = replace(conditions, **marker.kwargs)
    return conditions
