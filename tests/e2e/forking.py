"""Commands out of one process that has loaded what they all load: each is a fork of it.

A command starts in a few milliseconds and not in a fifth of a second, and is a process of its own
all the same, with its own arguments, environment, folder and streams. It ends as Python ends,
but for what it has loaded, which it does not take apart: that takes longer than most commands.
What this cannot show, how a command starts, tests show that start `COMMAND` themselves.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from qrsession.client import transport
from tests.envelopes import check_all_that_is_printed
from tests.one_lane import start_with_one_lane

_ROOT = Path(__file__).parents[2]
_LONGEST_ORDER_BYTES = 2**20
_STREAMS = 3
_QISKIT = "qiskit"


class Forge:
    """The process that is forked. It ends when this one does, at the latest.

    Args:
        program: What a command believes to have been started as.
        has_qiskit: Whether it has loaded Qiskit too, which takes a command half a second, and
            makes each fork slower by a fiftieth of one.
    """

    def __init__(self, program: Path, *, has_qiskit: bool = False) -> None:
        # Not where the tests' files are: the path of a socket has hardly a hundred bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="forge-")
        self._address = f"{self._folder.name}/socket"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", __name__, str(program)),
                *((_QISKIT,) if has_qiskit else ()),
                self._address,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            # A process that is forked should have one thread.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def run(
        self,
        arguments: Sequence[str],
        stdin: bytes,
        folder: Path,
        environ: Mapping[str, str],
        limit_s: float,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command line to its end, off a terminal."""
        umask = os.umask(0)
        os.umask(umask)
        order = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environ": dict(environ),
            "umask": umask,
        }
        with ExitStack() as held:
            files = [held.enter_context(tempfile.TemporaryFile()) for _ in range(_STREAMS)]
            files[0].write(stdin)
            files[0].seek(0)
            code = self._ask(json.dumps(order).encode(), [file.fileno() for file in files], limit_s)
            for file in files[1:]:
                file.seek(0)
            said = [file.read().decode() for file in files[1:]]
        return subprocess.CompletedProcess(list(arguments), code, *said)

    def _ask(self, order: bytes, streams: list[int], limit_s: float) -> int:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(limit_s)
            channel.connect(self._address)
            socket.send_fds(channel, [len(order).to_bytes(4)], streams)
            channel.sendall(order)
            with channel.makefile("r") as answers:
                pid = int(answers.readline())
                try:
                    return int(answers.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise

    def stop(self) -> None:
        """End it; commands that still run go on."""
        self._process.communicate()
        self._folder.cleanup()


def _serve(listener: socket.socket) -> int:
    """Fork for every order, in the one of two forks that returns; the other tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return 0
        channel, _ = listener.accept()
        if os.fork():
            channel.close()
            continue
        # This one waits, and that one works.
        listener.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        head, streams, _, _ = socket.recv_fds(channel, 4, _STREAMS)
        with channel.makefile("rb") as reading:
            order = json.loads(reading.read(int.from_bytes(head)))
        pid = os.fork()
        if pid:
            channel.sendall(f"{pid}\n".encode())
            _, status = os.waitpid(pid, 0)
            channel.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os._exit(0)
        channel.close()
        return _become(order, streams)


def _become(order: dict[str, Any], streams: list[int]) -> int:
    """Be the command that was ordered."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["folder"])
    os.umask(order["umask"])
    sys.argv[1:] = order["arguments"]
    from qrsession.__main__ import main  # noqa: PLC0415 - in the command, as in its script

    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int):
            _end(end.code)
        raise
    return 0


def _end(exit_code: int) -> NoReturn:
    """Do what Python does at its end, up to where it would take all modules apart."""
    threading._shutdown()  # type: ignore[attr-defined] # what Python itself calls
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(exit_code)


def _load() -> None:
    """Load what most commands load; each of them loads the rest by itself.

    How long a command waits before it asks again, the tests of the transport show; that a runtime
    has as many lanes as suit the machine, those of its life.
    """
    start_with_one_lane()
    check_all_that_is_printed()
    for name in ("boundary", "open", "run", "status", "close", "list", "result", "outcomes"):
        import_module(f"qrsession.cli.{name}")
    # What these verbs load when they do something.
    for name in (
        "verbs.admission",
        "waiting.awaiting",
        "cli.telling",
        "client.rest",
        "verbs.finding",
        "options",
        "verbs.runs",
    ):
        import_module(f"qrsession.{name}")
    transport._FIRST_BACKOFF_S = 0.02


if __name__ == "__main__":
    import gc

    gc.disable()
    _load()
    if sys.argv[2] == _QISKIT:
        del sys.argv[2]
        import_module("qrsession.circuits.reading")
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(sys.argv.pop())
        listening.listen()
        del sys.argv[0]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.exit(_serve(listening))
