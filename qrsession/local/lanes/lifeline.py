"""How a lane's process dies with its runtime, however the runtime dies and whatever the lane does.

Aer keeps Python's lock while it simulates, so no thread of the lane could notice that the runtime
is gone. The kernel does: the two hold the ends of a socket pair that nothing is ever sent through,
and its end makes the kernel send SIGIO to the lane, whose handler is the C library's ``_exit``. It
needs neither Python nor a name of Linux's, and on macOS, where SIGIO does nothing by itself, it
works as well.

A process that is stopped runs no handler. Where the kernel can be asked for another signal, which
is on Linux, it sends SIGKILL, which ends such a one too.
"""

import ctypes
import fcntl
import os
import select
import signal
import socket
import sys


def die_with(lifeline: socket.socket) -> None:
    """End this process, at once and without cleaning up, when the other end is closed."""
    library = ctypes.CDLL(None)
    library.signal.restype = ctypes.c_void_p
    library.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    library.signal(signal.SIGIO, ctypes.cast(library._exit, ctypes.c_void_p))  # noqa: SLF001
    descriptor = lifeline.fileno()
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    if sys.platform == "linux":
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        # It was closed before the kernel was asked to say so.
        os._exit(signal.SIGIO)
