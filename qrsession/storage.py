"""Files that survive crashes, neighbours and planted links.

A file is replaced as a whole (`write_atomically`), changed under a lock (`locked`), or grows by
lines (`append_line`). Nothing here follows a symbolic link in the last part of a path, and what
is made is for its owner alone: folders 0700, files 0600.
"""

import errno
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from qrsession.errors import StorageError

if sys.platform != "win32":
    import fcntl

LOCK_TIMEOUT_S = 30.0
_POLL_S = 0.01
_TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY_AGE_S = 3600.0
# Windows has none of these; there, the user's profile folder keeps others out.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
# A pipe that nobody reads would be waited for.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_OTHERS_ANY = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OWNER_ALONE = stat.S_IRUSR | stat.S_IWUSR


class Mending(Enum):
    """What became of the mode of a file that should be for its owner alone."""

    NOT_NEEDED = "not needed"
    DONE = "done"
    FAILED = "failed"


def ensure_private_folder(folder: Path) -> None:
    """Make a folder with mode 0700, or check that the one that is there is ours alone.

    Missing parents are made with the same mode.

    Raises:
        StorageError: It is a symbolic link or no folder, belongs to another user, or is open to
            others; or it cannot be made.
    """
    with _mapped(folder):
        if not folder.is_dir():
            # Asked first, since it is there all but once, and its parents are many.
            missing = [part for part in (folder, *folder.parents) if not part.exists()]
            for part in reversed(missing):
                with suppress(FileExistsError):
                    part.mkdir(mode=0o700)
        check_private_folder(folder)


def quoted(path: Path | str) -> str:
    """Return a path for a command that a user may paste into a POSIX shell."""
    inner = str(path).replace("'", "'\\''")
    return f"'{inner}'"


def check_private_folder(folder: Path) -> None:
    """Check that a folder is ours alone, if it exists.

    Raises:
        StorageError: As `ensure_private_folder`.
    """
    with _mapped(folder), suppress(FileNotFoundError):
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise StorageError(f"{folder} is a symbolic link, or not a folder.")
        _check_owner(folder, status)
        if hasattr(os, "getuid") and status.st_mode & _OTHERS_ANY:
            raise StorageError(
                f"{folder} is open to other users.", advice=f"Close it: chmod 700 {quoted(folder)}"
            )


def check_folder_of_ours(folder: Path, *, group_may_write: bool = False) -> None:
    """Check that nobody else can put files into a folder that the user chose, if it exists.

    Where ``group_may_write``, that of the group's members is their affair: many systems give each
    user a group of their own, and a umask that lets it write.

    Raises:
        StorageError: It belongs to another user, or others may write to it.
    """
    refused = stat.S_IWOTH if group_may_write else _OTHERS_WRITE
    with _mapped(folder), suppress(FileNotFoundError):
        status = folder.stat()
        _check_owner(folder, status)
        if hasattr(os, "getuid") and status.st_mode & refused:
            raise StorageError(
                f"Other users may write to {folder}, so a file there cannot be trusted.",
                advice=f"Close it with chmod go-w {quoted(folder)}, or use another folder.",
            )


def mend_mode(path: Path) -> Mending:
    """Take the rights of others away from a file, if it is there and ours. Never raises.

    A symbolic link is followed: what it leads to holds the secret.
    """
    try:
        if not _is_loose(path.stat()):
            return Mending.NOT_NEEDED
        descriptor = os.open(path, os.O_RDONLY | _CLOSE_ON_EXEC)
        try:
            # Looked at again by its descriptor: another file may have this name by now.
            if _is_loose(os.fstat(descriptor)):
                os.fchmod(descriptor, _OWNER_ALONE)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return Mending.NOT_NEEDED
    except OSError:
        return Mending.FAILED
    return Mending.DONE


def _is_loose(status: os.stat_result) -> bool:
    return (
        hasattr(os, "getuid")
        and stat.S_ISREG(status.st_mode)
        and status.st_uid == os.getuid()
        and bool(status.st_mode & _OTHERS_ANY)
    )


def read_bytes(path: Path) -> bytes | None:
    """Return what a file of ours holds, None where there is none.

    Raises:
        StorageError: It is a symbolic link, belongs to another user, or cannot be read.
    """
    with _mapped(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | _CLOSE_ON_EXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise StorageError(f"{path} is not a file.")
            _check_owner(path, status)
            return file.read()


def write_atomically(path: Path, data: bytes | Iterable[bytes], *, durable: bool = True) -> None:
    """Replace a file as a whole: a reader finds what was there before or all of the new content.

    Args:
        path: The file, in a folder that exists.
        data: Its new content, whole or in parts.
        durable: Whether to wait until the content is on the disk, so that it outlives a crash of
            the machine as well as of the process.

    Raises:
        StorageError: It cannot be written; what was there before is untouched.
    """
    temporary = path.with_name(
        f".{path.name}.{os.getpid()}.{os.urandom(6).hex()}{_TEMPORARY_SUFFIX}"
    )
    with _mapped(path):
        _check_replaceable(path)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _CLOSE_ON_EXEC
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                file.writelines((data,) if isinstance(data, bytes) else data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            _sync_folder(path.parent)


def _check_replaceable(path: Path) -> None:
    """Refuse to put a file in the place of a device or a pipe: ``/dev/null`` is everybody's."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise StorageError(f"{path} is not a file.", details={"path": str(path)})


def remove_file(path: Path, *, durable: bool = True) -> bool:
    """Remove a file for good; return whether it was there.

    Where it need not be ``durable``, a crash of the machine may bring the file back.
    """
    with _mapped(path):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        if durable:
            _sync_folder(path.parent)
        return True


def move_file(path: Path, target: Path) -> None:
    """Give a file another name in its folder, for good."""
    with _mapped(path):
        path.replace(target)
        _sync_folder(target.parent)


def append_line(
    path: Path, line: bytes, *, timeout_s: float = LOCK_TIMEOUT_S, durable: bool = True
) -> None:
    """Append one line to a file and wait until it is on the disk.

    Many processes may append at once. Half a line that a killed writer left is closed first, so
    that it damages no other line. Where it need not be ``durable``, a crash of the machine may
    lose the line.

    Raises:
        StorageError: It is a symbolic link, cannot be written, or stays locked by another process.
    """
    if sys.platform == "win32":
        with locked(path, timeout_s=timeout_s):
            _append(path, line, timeout_s, durable=durable)
    else:
        _append(path, line, timeout_s, durable=durable)


def open_log(path: Path) -> int:
    """Open a file of ours to append to it without a lock, and return its descriptor.

    It is made 0600, and made so where others could read it. What is written by one call stays
    together, whoever writes beside us.

    Raises:
        StorageError: It is a symbolic link or no file, belongs to another user, is known by a
            second name, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_FOLLOW | _CLOSE_ON_EXEC | _NO_WAIT
    with _mapped(path):
        descriptor = os.open(path, flags, 0o600)
        try:
            status = os.fstat(descriptor)
            _check_plain(path, status)
            if _is_loose(status):
                os.fchmod(descriptor, _OWNER_ALONE)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _check_plain(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(f"{path} is not a file.")
    _check_owner(path, status)
    if status.st_nlink > 1:
        # Somebody else may have given a file of ours this name, to have it spoilt.
        raise StorageError(f"{path} has another name too: it is a hard link.")


def _append(path: Path, line: bytes, timeout_s: float, *, durable: bool) -> None:
    with _mapped(path):
        # The file may be the first of its folder's kind to be written; its name must last too.
        is_new = not path.exists()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_FOLLOW | _CLOSE_ON_EXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            # The file is its own lock: importing filelock would cost a submission 20 ms.
            _lock_descriptor(descriptor, path, timeout_s)
            end = os.lseek(descriptor, 0, os.SEEK_END)
            if end:
                os.lseek(descriptor, end - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":
                    line = b"\n" + line
            _write_all(descriptor, line + b"\n")
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new and durable:
            _sync_folder(path.parent)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _lock_descriptor(descriptor: int, path: Path, timeout_s: float) -> None:
    if sys.platform == "win32":
        return
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                raise _lock_error(path, timeout_s) from None
            time.sleep(_POLL_S)
        else:
            return


@contextmanager
def locked(path: Path, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock of a file while it is read, changed and written.

    The lock is a file of its own beside it, which is never removed: removing it would let two
    processes hold two locks of one name.

    Raises:
        StorageError: Another process held the lock all the time.
    """
    # Imported here because most commands only read, and start-up time counts.
    from filelock import FileLock, Timeout  # noqa: PLC0415

    lock_path = path.with_name(f"{path.name}.lock")
    lock = FileLock(lock_path, timeout=timeout_s, mode=0o600)
    with _mapped(lock_path):
        try:
            lock.acquire(poll_interval=_POLL_S)
        except Timeout:
            raise _lock_error(lock_path, timeout_s) from None
    try:
        yield
    finally:
        lock.release()


def sweep_temporaries(folder: Path, now_s: float) -> None:
    """Remove what writers left behind that were killed more than an hour ago."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if not (entry.name.startswith(".") and entry.name.endswith(_TEMPORARY_SUFFIX)):
                continue
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < now_s - _TEMPORARY_AGE_S:
                    Path(entry.path).unlink()


def _lock_error(path: Path, timeout_s: float) -> StorageError:
    return StorageError(
        f"{path} stayed locked by another process for {timeout_s:g} s.",
        advice="See which qrsession process hangs; the lock goes when that process ends.",
        details={"lock": str(path), "timeout_s": timeout_s},
    )


def _check_owner(path: Path, status: os.stat_result) -> None:
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise StorageError(f"{path} belongs to another user.", details={"path": str(path)})


def _sync_folder(folder: Path) -> None:
    # A rename is on the disk only when its folder is. Windows cannot open folders.
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _CLOSE_ON_EXEC)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems cannot sync a folder; the rename itself was done.
        return
    finally:
        os.close(descriptor)


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        reason = "it is a symbolic link" if is_link else error.strerror or type(error).__name__
        raise StorageError(
            f"{path} cannot be used: {reason}.", details={"path": str(path), "errno": error.errno}
        ) from error
