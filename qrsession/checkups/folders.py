"""The folders of this user's state: whose they are, who may look in, and how much room there is."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from qrsession.checkups.findings import Finding, failed, failed_with, ok, warning
from qrsession.checkups.mounts import is_networked, kind_at
from qrsession.checkups.surroundings import Surroundings
from qrsession.errors import StorageError
from qrsession.storage import check_folder_of_ours, check_private_folder, quoted

ROOM = "room"
_CHOSEN = "ledger folder"
_DATA = "data folder"
# Others may look into these; what is secret stands in folders of its own in them.
_OPEN = frozenset({_DATA, "cache folder", _CHOSEN})
_MIB = 2**20
_LEAST_BYTES = 16 * _MIB
_LITTLE_BYTES = 256 * _MIB


def check_folders(around: Surroundings) -> Iterator[Finding]:
    """Look at each folder that commands write to."""
    settings = around.settings
    mounts = around.file_systems() or {}
    folders = {
        "state folder": settings.state_dir,
        _DATA: settings.data_dir,
        "cache folder": settings.cache_dir,
        "runtime folder": settings.runtime_dir,
    }
    if settings.state_file.parent != settings.state_dir:
        folders[_CHOSEN] = settings.state_file.parent
    for name, folder in folders.items():
        yield _check(name, folder, mounts)


def _check(name: str, folder: Path, mounts: Mapping[str, str]) -> Finding:
    if not os.path.lexists(folder):
        return _check_missing(name, folder)
    try:
        if name in _OPEN:
            check_folder_of_ours(folder)
        else:
            check_private_folder(folder)
        _write_in(folder)
    except StorageError as error:
        return failed_with(name, error)
    except OSError as error:
        return failed(
            name,
            f"{folder} cannot be written: {error.strerror or type(error).__name__}.",
            "See whose it is, and whether the disk is full: "
            f"ls -ld {quoted(folder)}; df {quoted(folder)}",
        )
    kind = kind_at(Path(os.path.realpath(folder)), mounts)
    if name == _DATA and kind and is_networked(kind):
        return warning(
            name,
            f"{folder} is on a network file system ({kind}), and the local runtime's database "
            "belongs on none.",
            "Put it on a disk of this machine: export QRSESSION_HOME=/some/local/folder",
        )
    return ok(name, str(folder) + (f" ({kind})" if kind and is_networked(kind) else ""))


def _check_missing(name: str, folder: Path) -> Finding:
    """Look at where a folder will be made."""
    parent = next(part for part in folder.parents if part.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        return failed(
            name,
            f"{folder} is not there, and cannot be made in {parent}.",
            f"See whose that is, or name another home by QRSESSION_HOME: ls -ld {quoted(parent)}",
        )
    return ok(name, f"{folder} is made when it is needed.")


def _write_in(folder: Path) -> None:
    # What a mode says is not all: a disk may be full, read-only, or over its quota.
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0")
        file.flush()


def check_room(around: Surroundings) -> Iterator[Finding]:
    """Look at how much room there is where most is written, once for each disk."""
    seen: set[int] = set()
    lowest: tuple[int, Path] | None = None
    for folder in (around.settings.state_dir, around.settings.data_dir, around.settings.cache_dir):
        there = next(part for part in (folder, *folder.parents) if part.exists())
        disk = there.stat().st_dev
        if disk in seen:
            continue
        seen.add(disk)
        free = around.free_bytes(there)
        if lowest is None or free < lowest[0]:
            lowest = (free, there)
    if lowest is None:
        return
    free, there = lowest
    message = f"{_size(free)} are free at {there}."
    advice = "Make room; `qrsession cache clear` frees what the cache holds."
    if free < _LEAST_BYTES:
        yield failed(ROOM, message, advice)
    elif free < _LITTLE_BYTES:
        yield warning(ROOM, message, advice)
    else:
        yield ok(ROOM, message)


def _size(size_bytes: int) -> str:
    if size_bytes >= 2**30:
        return f"{size_bytes / 2**30:.1f} GiB"
    return f"{size_bytes / _MIB:.0f} MiB"
