"""What all tests share: an environment without accounts, and a home of one's own."""

import gc
import os
import shutil
import signal
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qrsession.local.process import daemon, starting
from qrsession.settings import Settings
from tests.envelopes import check_all_that_is_printed
from tests.one_lane import AS_MANY_AS_USUAL, start_with_one_lane

if TYPE_CHECKING:
    from qrsession.service import RuntimeService

# Where Linux keeps files in memory, and how much must be free there; all tests take 0.2 GB.
_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it
_ENOUGH_BYTES = 2 * 2**30
_PREFIXES = ("QRSESSION_", "QISKIT_", "IAM_URL", "COLUMNS", "NO_COLOR", "SLURM_", "PBS_", "LSB_")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collector of garbage from what is imported, which stays until the end.

    Looking through all of Qiskit and of IBM's client again and again takes a third of the time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that the processes that share the files end together.

    Where one process runs them all, what fails fast is to fail first.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=_place_in_the_queue)


def _place_in_the_queue(item: pytest.Item) -> int:
    if item.get_closest_marker("fast") is not None:
        return 2
    return 0 if "e2e" in item.path.parts else 1


def pytest_configure() -> None:
    """Hold what is printed against its schemas, and spare tests what none of them is about."""
    # Ignored where the suite was started in the background, and so by all that tests start: a shell
    # then takes no trap of it.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    start_with_one_lane()
    check_all_that_is_printed()
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away accounts, homes and CI, and put the user's home where nothing is."""
    for name in list(os.environ):
        if name.startswith(_PREFIXES) or name == "CI":
            monkeypatch.delenv(name)
    empty_home = tmp_path / "user"
    empty_home.mkdir()
    monkeypatch.setenv("HOME", str(empty_home))


@pytest.fixture(autouse=True)
def idle_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take threads that earlier tests left, such as those of Aer, for idle: a fork is safe.

    Otherwise each circuit file is read in a process that loads Qiskit anew.
    """
    isolation = sys.modules.get("qrsession.circuits.isolation")
    if isolation is None or sys.platform != "linux":
        return
    idle = threading.active_count()
    monkeypatch.setattr(isolation, "_can_fork", lambda: threading.active_count() <= idle)


@pytest.fixture(scope="session", autouse=True)
def default_signals() -> Iterator[None]:
    """Undo what `nohup`, or a shell that put this run into the background, had ignored.

    Commands inherit it, and tests that interrupt them would wait in vain.
    """
    numbers = (signal.SIGINT, signal.SIGHUP)
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session")
def runtime_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a home whose local runtime many tests share; it starts when it is first needed."""
    home = tmp_path_factory.mktemp("home")
    yield home
    stop_runtime(settings_of(home))


@pytest.fixture
def shared_home(runtime_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the shared home this test's own; in its runtime a test may leave a lane busy."""
    monkeypatch.setenv("QRSESSION_HOME", str(runtime_home))
    monkeypatch.setenv(AS_MANY_AS_USUAL, "1")
    return runtime_home


@pytest.fixture
def service(shared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "RuntimeService":
    """A service of the shared runtime, with records of this test's own."""
    from qrsession.service import RuntimeService  # noqa: PLC0415 - most tests need none of it

    service = RuntimeService("local")
    monkeypatch.setattr(service, "records", type(service.records)(tmp_path / "state"))
    monkeypatch.setattr(service, "pending", type(service.pending)(tmp_path / "state"))
    assert service.client.transport.endpoint.is_loopback, shared_home
    return service


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a home that no other test has; its runtime ends with the test."""
    home = tmp_path / "home"
    monkeypatch.setenv("QRSESSION_HOME", str(home))
    yield home
    stop_runtime(settings_of(home))


def settings_of(home: Path) -> Settings:
    """Return the settings of a home, without a variable of the environment."""
    return Settings.from_environ({"QRSESSION_HOME": str(home)})


def stop_runtime(settings: Settings) -> None:
    """Stop a home's runtime, if it has one.

    That its process has ended is enough. Its number stays in use until its parent asks for its
    status, which not every container's first process does, and then each test would wait in vain.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starting, "_EXIT_LIMIT_S", 0.0)
        daemon.stop(settings)
