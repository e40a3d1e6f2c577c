"""One session on the simulator for all tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qrsession import RuntimeService, Session
from qrsession.backend import Backend
from tests.one_lane import AS_MANY_AS_USUAL


@pytest.fixture(scope="module")
def service(runtime_home: Path) -> Iterator[RuntimeService]:
    """Return a service of the shared runtime, whose home is this file's own environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QRSESSION_HOME", str(runtime_home))
        patch.setenv(AS_MANY_AS_USUAL, "1")
        yield RuntimeService("local")


@pytest.fixture(scope="module")
def session(service: RuntimeService) -> Iterator[Session]:
    with Session(service=service, backend="aer_simulator") as opened:
        yield opened


@pytest.fixture(scope="module")
def backend(session: Session) -> Backend:
    """Return the session's backend."""
    return session.device()
