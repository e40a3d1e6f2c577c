"""A local runtime in a process of its own, for as long as a test suite or a program needs it."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from qrsession.errors import LocalRuntimeError
from qrsession.local.account.identity import LOCAL_CRN
from qrsession.local.process.daemon import secret_of
from qrsession.local.process.starting import FOREIGN_VARIABLES
from qrsession.neighbours.unmodified import api_url, variables_of
from qrsession.settings import ACCOUNT_VARIABLE, HOME_VARIABLE, Settings
from qrsession.testing.conditions import RuntimeConditions
from qrsession.testing.control import Control

if TYPE_CHECKING:
    from qrsession.accounts.account import Account
    from qrsession.service import RuntimeService

_START_LIMIT_S = 60.0
_END_LIMIT_S = 10.0
_LONGEST_URL = 200
# Accounts and homes of whoever runs the tests, which are nobody's business here.
_FOREIGN_VARIABLES = ("QRSESSION_", *FOREIGN_VARIABLES)


class LocalRuntime:
    """A runtime on loopback with a home of its own, which nothing outside of the home knows.

    A context manager. It ends with the process that made it, however that ends.

    Args:
        conditions: How it serves; None for as usual.
        home: Its folder, which is kept; None for a new one, which goes with the runtime.
    """

    def __init__(
        self, conditions: RuntimeConditions | None = None, *, home: Path | None = None
    ) -> None:
        self.conditions = conditions or RuntimeConditions()
        self._arguments = self.conditions.arguments()
        self._given_home = home
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: socket.socket | None = None
        self._url: str | None = None

    def __repr__(self) -> str:
        return f"LocalRuntime({self.conditions}, url={self._url!r})"

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and leave nothing behind."""
        self.close()

    @property
    def is_up(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def url(self) -> str:
        """Where it serves: ``http://127.0.0.1:PORT``.

        Raises:
            LocalRuntimeError: It was never started.
        """
        if self._url is None:
            raise LocalRuntimeError(
                "The runtime was not started.", advice="Use it as a context manager, or start it."
            )
        return self._url

    @property
    def home(self) -> Path:
        """The folder of its database, and of what clients keep of their work with it."""
        if self._home is None:
            home = self._given_home or Path(tempfile.mkdtemp(prefix="qrsession-"))
            self._home = home.absolute()
        return self._home

    @property
    def settings(self) -> Settings:
        """The settings of that home, without anything of this process's environment."""
        return Settings.from_environ({HOME_VARIABLE: str(self.home)})

    @property
    def log_file(self) -> Path:
        """Where it writes what goes wrong with itself."""
        return self.home / "runtime.log"

    @property
    def key(self) -> str:
        """Its API key."""
        return secret_of(self.settings)

    @property
    def instance(self) -> str:
        """The CRN of its one instance."""
        return LOCAL_CRN

    @cached_property
    def control(self) -> Control:
        """What makes it fail on demand."""
        return Control(lambda: self.url, lambda: self.key)

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which programs find it: qrsession, and IBM's client, unmodified."""
        return {
            HOME_VARIABLE: str(self.home),
            ACCOUNT_VARIABLE: "environment",
            **variables_of(self.url, self.key, os.environ),
        }

    def account(self) -> "Account":
        """Return an account of it, as one of any service elsewhere."""
        from qrsession.accounts.account import Account  # noqa: PLC0415 - the tests of others need none

        return Account(
            name="qrsession-testing",
            token=self.key,
            url=api_url(self.url),
            instance=self.instance,
            iam_url=self.url,
        )

    def service(self) -> "RuntimeService":
        """Return a new `RuntimeService` that is connected to it, with the runtime's own home."""
        from qrsession.service import RuntimeService  # noqa: PLC0415 - likewise

        return RuntimeService(self.account(), settings=self.settings)

    def start(self) -> None:
        """Start it, and wait until it answers. After `stop` or `kill` it serves as before.

        Raises:
            LocalRuntimeError: It does not start; the message has the last words of its log.
        """
        if self.is_up:
            return
        if os.name != "posix":
            raise LocalRuntimeError(
                "The local runtime does not run on this system.", advice="Use Linux or macOS."
            )
        self._end()
        secret_of(self.settings)
        ours, its = socket.socketpair()
        self._lifeline = ours
        with its, self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [
                    *(sys.executable, "-P", "-m", "qrsession.local"),
                    *("--lifeline", str(its.fileno())),
                    *self._arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(os.environ, self.home),
                pass_fds=(its.fileno(),),
                # Ctrl-C is the test runner's to handle, which still needs the runtime then.
                process_group=0,
            )
        self._url = self._await_url(self._process)

    def stop(self) -> None:
        """Let it end, as a service does that is shut down; `start` brings it back."""
        self._signal(signal.SIGTERM)
        self._end()

    def kill(self) -> None:
        """End it as a crash does; `start` brings it back."""
        self._signal(signal.SIGKILL)
        self._end()

    def close(self) -> None:
        """End it for good; its home goes with it, unless it was given one."""
        self.stop()
        if self._given_home is None and self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def _await_url(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        deadline_s = time.monotonic() + _START_LIMIT_S
        line = b""
        while not line.endswith(b"\n") and len(line) < _LONGEST_URL:
            left_s = max(deadline_s - time.monotonic(), 0.0)
            chunk = b""
            if select.select([process.stdout], [], [], left_s)[0]:
                chunk = os.read(process.stdout.fileno(), _LONGEST_URL)
            if not chunk:
                self.kill()
                raise LocalRuntimeError(
                    "The local runtime did not start.", advice=f"It says: {self._last_words()}"
                )
            line += chunk
        return line.decode("ascii", "replace").strip()

    def _last_words(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return " ".join(lines[-2:]) if lines else "nothing."

    def _signal(self, number: int) -> None:
        if self._process is not None and self.is_up:
            self._process.send_signal(number)

    def _end(self) -> None:
        """Wait for the process, and let go of what leads to it."""
        process, self._process = self._process, None
        if process is not None:
            try:
                process.wait(_END_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None


def _environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    kept = {n: value for n, value in environ.items() if not n.startswith(_FOREIGN_VARIABLES)}
    return {**kept, HOME_VARIABLE: str(home)}
