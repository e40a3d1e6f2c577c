"""Files that options name: looked at before anything is paid for, and written whole."""

import os
import stat
from pathlib import Path

from qrsession.errors import InvalidValueError, StorageError
from qrsession.storage import write_atomically


def check_target(file: Path) -> None:
    """Check that a file can be written, as far as can be told beforehand.

    Raises:
        InvalidValueError: It is a folder, is in none, or may not be written.
    """
    target = file.absolute()
    if target.is_dir():
        raise _unusable(file, "it is a folder")
    # A link leads to the file that is meant.
    folder = target.resolve().parent
    if not target.exists() and not folder.is_dir():
        raise _unusable(file, f"there is no folder {folder}")
    must_be_open_to_us = [target] if _is_special(target) else [folder]
    if target.exists():
        must_be_open_to_us.append(target)
    if not all(os.access(path, os.W_OK) for path in must_be_open_to_us):
        raise _unusable(file, "permission denied")


def write_target(file: Path, text: str) -> None:
    """Write a file whole or not at all; a device or a pipe is written into, never replaced.

    Raises:
        StorageError: It cannot be written.
    """
    target = file.absolute()
    data = f"{text.rstrip()}\n".encode()
    if not _is_special(target):
        write_atomically(target.resolve(), data)
        return
    try:
        with target.open("wb") as stream:
            stream.write(data)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}.") from error


def _is_special(target: Path) -> bool:
    try:
        return not stat.S_ISREG(target.stat().st_mode)
    except OSError:
        return False


def _unusable(file: Path, why: str) -> InvalidValueError:
    return InvalidValueError(f"{file} cannot be written: {why}.", advice="Name another file.")
