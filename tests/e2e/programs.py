"""Circuits and helpers for tests that break things."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from qrsession.local.account.identity import LOCAL_CRN
from tests.e2e.conftest import COMMAND, Cli

# Each shot runs through the loop by itself, so that the time grows with the shots: a thousand take
# about a third of a second.
SLOW = """OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
bit[3] c;
h q[0];
c[0] = measure q[0];
if (c[0] == true) { x q[1]; }
for int i in [0:200] { h q[2]; c[1] = measure q[2]; if (c[1] == true) { x q[1]; } }
c[2] = measure q[1];
"""
# Minutes: whoever runs it means to end it.
ENDLESS_SHOTS = "1000000"
LIMIT_S = 60.0
CRN = LOCAL_CRN


def wait_for(condition: Callable[[], bool], limit_s: float = LIMIT_S, what: str = "it") -> None:
    """Wait until a condition holds, and fail when it does not in time."""
    deadline = time.monotonic() + limit_s
    pause = 0.01
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {limit_s} s"
        # What is looked at takes a process each time, so not too often.
        threading.Event().wait(pause)
        pause = min(pause * 1.5, 0.25)


def write(cli: Cli, name: str, text: str | bytes) -> str:
    """Write a file where a command runs, and return its name."""
    data = text.encode() if isinstance(text, str) else text
    (cli.folder / name).write_bytes(data)
    return name


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; one that only waits for its parent's look does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def processes_that_run(*words: str) -> list[psutil.Process]:
    """Return the processes of this machine that have all of these words in their command lines."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if set(words) <= set(process.cmdline()):
                found.append(process)
    return found


def runtimes_of(home: Path) -> list[psutil.Process]:
    """Return the runtimes in the background that serve a home."""
    return processes_that_run("qrsession.local", "--daemon", str(home / "data"))


@dataclass(frozen=True)
class ServerAccount:
    """A server of its own, and the key that it takes."""

    pid: int
    url: str
    key: str = field(repr=False)


@contextmanager
def default_account(folder: Path) -> Iterator[ServerAccount]:
    """Serve another runtime, and save it as the default account of the user."""
    data = folder / "server"
    command = [str(COMMAND), "serve", "--port", "0", "--workers", "1", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            key = (data / "local" / "secret").read_text().strip()
            account = {"channel": "ibm_quantum_platform", "url": url, "token": key, "instance": CRN}
            file = Path.home() / ".qiskit" / "qiskit-ibm.json"
            file.parent.mkdir(mode=0o700)
            file.touch(mode=0o600)
            file.write_text(json.dumps({"default-ibm-quantum-platform": account}))
            yield ServerAccount(process.pid, url, key)
        finally:
            process.terminate()
