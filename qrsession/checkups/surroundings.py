"""What the checks look at, and by what: handed to each, so that a test can break any of it."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from qrsession.settings import Settings

# How long the service, and each program that is tried, may take. Beside each other, not in a row.
LIMIT_S = 12.0

T = TypeVar("T")


@dataclass(frozen=True)
class Screen:
    """What stdout can show."""

    is_terminal: bool = False
    width: int = 80
    has_colour: bool = False
    encoding: str = "utf-8"


@dataclass(frozen=True)
class PythonRun:
    """A run of Python: its exit code, what it said on stderr, and how long it took, in seconds."""

    exit_code: int
    said: str
    took_s: float


def run_python(code: str, limit_s: float) -> PythonRun:
    """Run a line of Python in a process of its own, with this interpreter.

    Raises:
        TimeoutError: It took longer.
    """
    began_s = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, and code of ours
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    took_s = time.monotonic() - began_s
    return PythonRun(done.returncode, done.stderr.decode("utf-8", "replace"), took_s)


def free_bytes_at(folder: Path) -> int:
    """Return how much room a user has on the file system of a folder, in bytes."""
    return shutil.disk_usage(folder).free


def release_of(package: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - takes a while

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def mounted_file_systems() -> Mapping[str, str] | None:
    """Return the kinds of file systems by where they are mounted; None where nobody tells."""
    from qrsession.checkups.mounts import file_systems  # noqa: PLC0415 - for one check

    return file_systems()


@dataclass(frozen=True)
class Surroundings:
    """All that is looked at.

    Attributes:
        settings: Where files live.
        account: The account that was named, if any.
        is_offline: Whether nobody is to be contacted.
        may_start: Whether the local runtime may be started.
        environ: The variables of the environment.
        screen: What stdout can show.
        limit_s: How long the network, and each program, may take, in seconds.
        free_bytes: Returns the room at a folder.
        run_python: Runs a line of Python.
        file_systems: Returns the kinds of file systems by where they are mounted; None where that
            cannot be told.
        release_of: Returns the version of an installed package, None where it is not installed.
    """

    settings: Settings
    account: str | None = None
    is_offline: bool = False
    may_start: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    screen: Screen = field(default_factory=Screen)
    limit_s: float = LIMIT_S
    free_bytes: Callable[[Path], int] = free_bytes_at
    run_python: Callable[[str, float], PythonRun] = run_python
    file_systems: Callable[[], Mapping[str, str] | None] = mounted_file_systems
    release_of: Callable[[str], str | None] = release_of


class Task(Generic[T]):
    """Something that goes on beside the rest, and is not waited for longer than it may take.

    What is not done in time is left to itself: its thread keeps no process from ending.

    Args:
        work: What is done.
        limit_s: How long it may take, in seconds, from now.
    """

    def __init__(self, work: Callable[[], T], limit_s: float) -> None:
        self._work = work
        self._deadline_s = time.monotonic() + limit_s
        self._outcome: list[T] = []
        self._error: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="qrsession-checkup", daemon=True)
        self._thread.start()

    def outcome(self) -> T:
        """Wait for it, and return what it came to; what it raised is raised here.

        Raises:
            TimeoutError: It is not done in time.
        """
        self._thread.join(max(self._deadline_s - time.monotonic(), 0.0))
        if self._error:
            raise self._error[0]
        if not self._outcome:
            raise TimeoutError
        return self._outcome[0]

    def _run(self) -> None:
        try:
            self._outcome.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            self._error.append(error)
