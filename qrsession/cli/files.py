"""Files that options name: looked at before anything is paid for, and written whole."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from qrsession.errors import InvalidValueError, StorageError
from qrsession.storage import write_atomically

# More than any path has; a ring of links has no end.
_MOST_LINKS = 40


def check_target(file: Path) -> None:
    """Check that a file can be written, as far as can be told beforehand.

    Raises:
        InvalidValueError: It is a folder, is in none, or may not be written.
    """
    target = file.absolute()
    if target.is_dir():
        raise _unusable(file, "it is a folder")
    if _is_planted(target):
        raise _unusable(file, "another user has put it there")
    # A link leads to the file that is meant.
    folder = target.resolve().parent
    if not target.exists() and not folder.is_dir():
        raise _unusable(file, f"there is no folder {folder}")
    must_be_open_to_us = [target] if _is_special(target) else [folder]
    if target.exists():
        must_be_open_to_us.append(target)
    if not all(os.access(path, os.W_OK) for path in must_be_open_to_us):
        raise _unusable(file, "permission denied")


def write_target(file: Path, text: str | Iterable[bytes]) -> None:
    """Write a file whole or not at all; a device or a pipe is written into, never replaced.

    Args:
        file: The file.
        text: A text, which is ended by a newline; or bytes in parts, which stay as they are.

    Raises:
        StorageError: It cannot be written.
    """
    target = file.absolute()
    if _is_planted(target):
        raise StorageError(f"{file} cannot be written: another user has put it there.")
    data = [f"{text.rstrip()}\n".encode()] if isinstance(text, str) else text
    if not _is_special(target):
        write_atomically(target.resolve(), data)
        return
    try:
        with target.open("wb") as stream:
            stream.writelines(data)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}.") from error


def size_of(file: Path) -> int:
    """Return how many bytes a file has so far; none where it is no file, or is not there."""
    try:
        status = file.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def append_to_target(file: Path, text: str) -> None:
    """Add a text to the end of a file, after an empty line if there is anything before it.

    Raises:
        StorageError: It cannot be written.
    """
    target = file.absolute()
    if _is_planted(target):
        raise StorageError(f"{file} cannot be written: another user has put it there.")
    separator = "\n" if size_of(target) else ""
    try:
        with target.open("ab") as stream:
            stream.write(f"{separator}{text.rstrip()}\n".encode())
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}.") from error


def _is_planted(target: Path) -> bool:
    """Whether another user has put a link, a pipe or the like where all may, as in ``/tmp``.

    A link would lead us to a file of ours that nobody meant, a pipe would hand over a result.
    Linux has the same rule (``fs.protected_symlinks``), but never sees a link resolved here.
    """
    if not hasattr(os, "geteuid"):
        return False
    for _ in range(_MOST_LINKS):
        try:
            status, folder = target.lstat(), target.parent.stat()
        except OSError:
            return False
        is_open_to_all = bool(folder.st_mode & stat.S_IWOTH)
        is_foreign = status.st_uid not in {os.geteuid(), folder.st_uid}
        if is_open_to_all and is_foreign and not stat.S_ISREG(status.st_mode):
            return True
        if not stat.S_ISLNK(status.st_mode):
            return False
        target = target.parent / target.readlink()
    return True


def _is_special(target: Path) -> bool:
    try:
        return not stat.S_ISREG(target.stat().st_mode)
    except OSError:
        return False


def _unusable(file: Path, why: str) -> InvalidValueError:
    return InvalidValueError(f"{file} cannot be written: {why}.", advice="Name another file.")
