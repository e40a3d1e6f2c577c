"""Sessions that close with a process: the watcher, a small process of its own, closes them.

It outlives a kill of the process that it watches, the end of a shell, and a terminal that goes
away. It does not outlive the machine, nor whoever ends all processes of a group at once, as
systemd, Slurm and CI runners do with what a job leaves behind; then the session's maximum time is
what ends it.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qrsession import storage
from qrsession.errors import InvalidValueError, QrsessionError, StorageError
from qrsession.processes.mark import ProcessMark
from qrsession.protocol.bounds import DEFAULT_MAX_TTL_S
from qrsession.settings import CLIENT_PREFIXES, LOCAL_ACCOUNT, Settings
from qrsession.state.entries import SessionEntry
from qrsession.verbs.admission import OpenRequest, open_new
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    import subprocess

_TOKEN_SERVICE = "IAM_URL"  # noqa: S105 - the name of a variable
# What would have the close look at another session or ledger, or say more than a log needs.
_NOT_PASSED_ON = frozenset({"QRSESSION_SESSION", "QRSESSION_ACCOUNT", "QRSESSION_STATE"})
_FOLDERS = frozenset({"QRSESSION_HOME", "QRSESSION_LOG"})
_LARGEST_LOG_BYTES = 1024 * 1024
_END_LIMIT_S = 5.0


@dataclass(frozen=True)
class Guard:
    """The watcher of one session, as whoever started it knows it."""

    process: "subprocess.Popen[bytes]"

    def dismiss(self) -> None:
        """End the watcher: its session is closed."""
        from subprocess import TimeoutExpired  # noqa: PLC0415 - as in `start_guard`

        with suppress(ProcessLookupError):
            self.process.terminate()
        with suppress(TimeoutExpired):
            self.process.wait(_END_LIMIT_S)


# Nobody waits for a watcher that outlives who started it, and Python warns of one that it loses.
_left_alone: list["subprocess.Popen[bytes]"] = []


def log_file(settings: Settings) -> Path:
    """Return where watchers say what became of the sessions that they closed."""
    return settings.state_dir / "watch.log"


def start_guard(settings: Settings, entry: SessionEntry, *, cancel: bool = False) -> Guard:
    """Start the watcher of a session that closes with a process.

    Args:
        settings: Where files live.
        entry: The session, which is in the ledger; ``closes_with`` is set.
        cancel: Whether its queued jobs are dropped then; otherwise they run.

    Raises:
        StorageError: It cannot be started, for instance since there are too many processes.
    """
    import subprocess  # noqa: PLC0415 - the help needs none of it, and most sessions have no watcher

    mark = entry.closes_with
    if mark is None:
        raise InvalidValueError(f"{entry.name} closes with no process, so it needs no watcher.")
    longest_s = entry.max_time_s or DEFAULT_MAX_TTL_S
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("watcher.py"))]
    command += [str(mark.pid), mark.started, entry.session_id]
    command += [str(settings.state_file), str(longest_s), *(["--cancel"] if cancel else [])]
    log = _open_log(settings)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd="/",
            env=_environment(os.environ, entry.account),
            # Neither Ctrl-C at our terminal nor its end is meant for it.
            start_new_session=True,
        )
    except OSError as error:
        raise StorageError(
            f"The process that is to close {entry.name} cannot be started: {error.strerror}.",
            advice="Run the command in `qrsession exec`, or end some other processes.",
        ) from error
    finally:
        os.close(log)
    _left_alone.append(process)
    return Guard(process)


def own_mark() -> ProcessMark | None:
    """Return the mark of this process, None where processes cannot be watched."""
    with suppress(InvalidValueError):
        return ProcessMark.of(os.getpid())
    return None


def guard_own(workspace: Workspace, entry: SessionEntry, *, cancel: bool) -> Guard | None:
    """Start the watcher of a session that this process itself closes, unless it is killed.

    None where there can be none; where there should be one, that is said.
    """
    if entry.closes_with is None:
        return None
    try:
        return start_guard(workspace.settings, entry, cancel=cancel)
    except StorageError as error:
        workspace.warn(f"If this is killed, nobody closes {entry.name}. {error.message}")
        return None


def open_guarded(
    workspace: Workspace, request: OpenRequest, mark: ProcessMark | None
) -> SessionReport:
    """Open a session for a command, and have it closed when a process ends, if one is named.

    One that is found by its key goes on to close with the process that it closes with already:
    whoever opened it may still need it.

    Raises:
        StorageError: Nobody would close it; so it is closed again.
        QrsessionError: As `open_new`.
    """
    report = open_new(workspace, replace(request, closes_with=mark))
    if mark is None:
        return report
    entry = workspace.ledger.find(report.session_id)
    if report.was_open:
        earlier = entry.closes_with
        if earlier is not None:
            if earlier != mark:
                workspace.warn(
                    f"{entry.name} closes with {earlier}, which it was opened for, "
                    f"and not with {mark}."
                )
            return report
        entry = replace(entry, closes_with=mark)
        workspace.ledger.update(entry)
    try:
        start_guard(workspace.settings, entry)
    except StorageError:
        if not report.was_open:
            from qrsession.closing.close import close  # noqa: PLC0415 - seldom needed

            with suppress(QrsessionError):
                close(workspace, entry, cancel=True)
        raise
    return replace(workspace.recall(entry), was_open=report.was_open)


def _environment(environ: Mapping[str, str], account: str) -> dict[str, str]:
    """Return what a close needs of an environment: no key but one that is nowhere else."""
    kept = {name: value for name, value in environ.items() if name not in _NOT_PASSED_ON}
    for name in _FOLDERS & set(kept):
        # It works in another folder.
        kept[name] = str(Path(kept[name]).absolute()) if kept[name] else ""
    from qrsession.accounts.account import ENVIRONMENT  # noqa: PLC0415 - the help needs none of it

    if account == ENVIRONMENT:
        return kept
    unwanted = (*CLIENT_PREFIXES, *((_TOKEN_SERVICE,) if account == LOCAL_ACCOUNT else ()))
    return {name: value for name, value in kept.items() if not name.startswith(unwanted)}


def _open_log(settings: Settings) -> int:
    storage.ensure_private_folder(settings.state_dir)
    path = log_file(settings)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with suppress(FileNotFoundError):
            if path.lstat().st_size > _LARGEST_LOG_BYTES:
                path.replace(path.with_name(f"{path.name}.1"))
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise StorageError(f"The log {path} cannot be written: {error.strerror}.") from error
