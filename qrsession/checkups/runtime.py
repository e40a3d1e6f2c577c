"""The local runtime: whether it is up, and what it keeps. It is not started for this."""

import os
import struct
from collections.abc import Iterator

from qrsession import __version__
from qrsession.checkups.findings import Finding, failed, ok, skipped, warning
from qrsession.checkups.surroundings import Surroundings
from qrsession.errors import LocalRuntimeError
from qrsession.local.process import daemon
from qrsession.local.process.home import RuntimeFiles
from qrsession.storage import check_private_folder, quoted, read_bytes

_RUNTIME = "runtime"
_DATABASE = "database"
_LOG = "runtime log"
_MAGIC = b"SQLite format 3\0"
# Where a database says how many migrations it has had: four bytes, the highest first.
_VERSION_AT = 60
_HEAD_BYTES = 100
_MIB = 2**20
_STOP = "qrsession local stop"


def check_runtime(around: Surroundings) -> Iterator[Finding]:
    """See whether the runtime is up, is of this version, and answers."""
    if os.name != "posix":
        yield skipped(_RUNTIME, "It does not run on this system.")
        return
    files = RuntimeFiles.of(around.settings)
    for folder in (files.data_dir, files.run_dir):
        check_private_folder(folder)
    address = daemon.find(around.settings)
    if address is None:
        silent = daemon.silent_process(around.settings)
        if silent is not None:
            yield failed(
                _RUNTIME,
                f"Process {silent} should be it, and does not answer as it.",
                f"See what it is (ps -p {silent}); if it is the runtime, end it: kill {silent}",
                LocalRuntimeError,
            )
            return
        yield ok(_RUNTIME, "Not up. It starts by itself when a command needs it.")
        return
    up = f"Up at {address.url}, process {address.pid}, version {address.version}."
    if address.version != __version__:
        yield warning(
            _RUNTIME,
            f"{up} This is version {__version__}.",
            f"Let it start anew, when no job runs: {_STOP}",
        )
    else:
        yield ok(_RUNTIME, up)


def check_database(around: Surroundings) -> Finding:
    """Look at the head of the runtime's database, without opening it: the runtime alone may."""
    from qrsession.local.store.schema import MIGRATIONS  # noqa: PLC0415 - needed here alone
    from qrsession.local.store.store import DATABASE_NAME  # noqa: PLC0415 - as above

    files = RuntimeFiles.of(around.settings)
    path = files.data_dir / DATABASE_NAME
    if not path.exists():
        return ok(_DATABASE, "None yet.")
    log = path.with_name(f"{path.name}-wal")
    size_bytes = path.stat().st_size
    if not size_bytes and log.exists() and log.stat().st_size:
        return failed(
            _DATABASE,
            f"{path} is empty, and its log {log.name} is not.",
            "Put a copy of it back, or move both aside to start with an empty one.",
        )
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if size_bytes and not head.startswith(_MAGIC):
        return failed(
            _DATABASE,
            f"{path} is damaged, or no database.",
            "Put a copy back, or move it aside to start with an empty one.",
        )
    (version,) = struct.unpack_from(">I", head, _VERSION_AT) if size_bytes else (0,)
    if version > len(MIGRATIONS):
        return failed(
            _DATABASE,
            f"{path} was written by a newer qrsession (schema {version}).",
            "Update qrsession, or give it another home by QRSESSION_HOME.",
        )
    whole = size_bytes + (log.stat().st_size if log.exists() else 0)
    return ok(_DATABASE, f"{path}, {whole / _MIB:.1f} MiB.")


def check_log(around: Surroundings) -> Finding:
    """See what the runtime wrote of faults of its own."""
    path = RuntimeFiles.of(around.settings).log
    data = read_bytes(path)
    if data is None:
        return ok(_LOG, "None yet.")
    faults = data.count(b"Traceback (most recent call last)")
    if faults:
        times = "once" if faults == 1 else f"{faults} times"
        return warning(
            _LOG,
            f"{path} tells {times} of a fault.",
            f"See it, and report it: less {quoted(path)}",
        )
    return ok(_LOG, str(path))
