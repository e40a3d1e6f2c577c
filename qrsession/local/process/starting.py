"""Starting the local runtime in the background, and ending it."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from qrsession.diagnostics import Log
from qrsession.errors import LocalRuntimeError, StorageError
from qrsession.local.process import daemon
from qrsession.local.process.home import RuntimeFiles
from qrsession.local.process.starter import (
    FAILED,
    LONGEST_ERROR_BYTES,
    READY,
    TAKEN,
    WORD_BYTES,
    read_error,
)
from qrsession.settings import CLIENT_PREFIXES, Settings
from qrsession.storage import locked

log = Log("runtime")

_START_LIMIT_S = 60.0
_END_LIMIT_S = 15.0
_EXIT_LIMIT_S = 0.5
_EXIT_POLL_S = 0.01
_LARGEST_LOG_BYTES = 4 * 1024 * 1024

# These would redirect or unlock a client; the runtime is a server and must not depend on them.
FOREIGN_VARIABLES = (*CLIENT_PREFIXES, "IAM_URL")


def start(
    settings: Settings,
    *,
    idle_timeout_s: float | None,
    arguments: Sequence[str] = (),
    is_ideal: bool = False,
) -> daemon.RuntimeAddress:
    """Start the home's runtime, unless another process is quicker.

    Raises:
        LocalRuntimeError: It did not start within a minute; or another process was quicker, and
            started it without these arguments.
        StorageError: A folder or file of the home cannot be used, or another process has been
            starting a runtime for a minute.
    """
    if os.name != "posix":
        raise LocalRuntimeError(
            "The local runtime does not run on this system.",
            advice="Use Linux or macOS, or an account of IBM's cloud.",
        )
    files = RuntimeFiles.of(settings)
    files.create_folders()
    daemon.secret_of(settings)
    began_s = time.monotonic()
    deadline_s = began_s + _START_LIMIT_S
    with locked(files.start, timeout_s=_START_LIMIT_S):
        address = daemon.find(settings)
        if address is not None and arguments:
            raise daemon.already_up()
        if idle_timeout_s is not None:
            arguments = [*arguments, "--idle-timeout", str(idle_timeout_s)]
        if is_ideal:
            arguments = [*arguments, "--ideal"]
        while address is None:
            _spawn_and_wait(settings, files, arguments, deadline_s)
            address = daemon.find(settings)
            if address is None and time.monotonic() > deadline_s:
                raise _failed(files, "is up but does not answer; end it by hand")
    took_s = time.monotonic() - began_s
    log.note("started at %s, process %d, in %.1f s", address.url, address.pid, took_s)
    return address


def _spawn_and_wait(
    settings: Settings, files: RuntimeFiles, more: Sequence[str], deadline_s: float
) -> None:
    """Start a process and wait until it serves, or has found that another one does."""
    arguments = [sys.executable, "-P", "-m", "qrsession.local", "--daemon"]
    arguments += ["--data", str(settings.data_dir), "--run", str(settings.runtime_dir)]
    arguments += more
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as ready:
        try:
            log = _open_log(files.log)
            try:
                process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [*arguments, "--ready-fd", str(writer)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=_environment(),
                    start_new_session=True,
                    pass_fds=(writer,),
                )
            finally:
                os.close(log)
        finally:
            os.close(writer)
        # It forks at once and leaves, so that the runtime is no child of ours to wait for.
        status = process.wait()
        said = b""
        wanted_bytes = WORD_BYTES
        while status == 0 and len(said) < wanted_bytes:
            left_s = max(deadline_s - time.monotonic(), 0)
            if not select.select([ready], [], [], left_s)[0]:
                raise _failed(files, "is not ready after a minute")
            chunk = ready.read(wanted_bytes - len(said))
            if not chunk:
                break
            said += chunk
            if said == FAILED:
                wanted_bytes += LONGEST_ERROR_BYTES
    if said.startswith(FAILED):
        raise read_error(said[WORD_BYTES:]) or _failed(files, "ended while it was starting")
    if said not in {READY, TAKEN}:
        raise _failed(files, "ended while it was starting")


def _environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_VARIABLES)
    }


def _open_log(file: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        if file.exists() and file.lstat().st_size > _LARGEST_LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))
        return os.open(file, flags, 0o600)
    except OSError as error:
        raise StorageError(f"The log {file} cannot be written: {error.strerror}.") from error


def _failed(files: RuntimeFiles, what: str) -> LocalRuntimeError:
    return LocalRuntimeError(
        f"The local runtime {what}.",
        advice=f"See {files.log}{_last_words(files.log)}",
        details={"log_file": str(files.log)},
    )


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "."
    return f", which ends: {lines[-1]}" if lines else "."


def end(files: RuntimeFiles, address: daemon.RuntimeAddress) -> bool:
    """Tell a runtime to end, kill it if it does not, and say whether it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(address.pid, number)
        except ProcessLookupError:
            return True
        try:
            # The kernel frees the lock when the process ends, however it ends.
            with locked(files.life, timeout_s=_END_LIMIT_S):
                _await_exit(address.pid)
                return True
        except StorageError as error:
            if "timeout_s" not in error.details:
                raise
    return False


def _await_exit(pid: int) -> None:
    """Wait a moment for the process itself.

    Not for long: its number stays in use while its parent does not ask for its status.
    """
    deadline_s = time.monotonic() + _EXIT_LIMIT_S
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline_s:
            os.kill(pid, 0)
            time.sleep(_EXIT_POLL_S)
