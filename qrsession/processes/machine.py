"""This machine: its name, and what tells this boot of it from the one before.

What is said of processes on disk holds for one machine and one boot; a home may be shared by many
machines and outlives their reboots.
"""

import os
import re
import sys
from pathlib import Path

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE_LINK = Path("/proc/self/ns/pid")
_BOOT_ID_DIGITS = 12
_LONGEST_HOST = 64


def host_name() -> str:
    """Return this host's name, fit for a file's name."""
    # What `socket.gethostname` says too, which costs an import.
    said = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    name = re.sub(r"[^A-Za-z0-9._-]", "_", said)[:_LONGEST_HOST]
    return name.lstrip(".") or "localhost"


def boot_id() -> str:
    """Return what tells this boot of the host from the one before; ``"0"`` where nothing does."""
    try:
        text = _BOOT_ID_FILE.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        text = _boot_session() if sys.platform == "darwin" else ""
    return re.sub(r"[^0-9a-f]", "", text.lower())[:_BOOT_ID_DIGITS] or "0"


def process_space() -> str:
    """Return what tells apart where numbers of processes mean different ones.

    That is a boot of a machine, and in it a container: two may bear the same host name, and each
    has a process 1 of its own.
    """
    try:
        container = re.sub(r"[^0-9]", "", str(_NAMESPACE_LINK.readlink()))
    except OSError:
        # Neither a container nor Linux.
        container = ""
    return f"{boot_id()}-{container}" if container else boot_id()


def _boot_session() -> str:
    import ctypes  # noqa: PLC0415 - costs time, and only macOS needs it

    size = ctypes.c_size_t(64)
    buffer = ctypes.create_string_buffer(size.value)
    library = ctypes.CDLL(None)
    status = library.sysctlbyname(b"kern.bootsessionuuid", buffer, ctypes.byref(size), None, 0)
    return "" if status else buffer.value.decode("ascii", "replace")
