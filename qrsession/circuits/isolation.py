"""Circuit files are parsed in a child process first, whose end is not the command's.

A damaged file can abort the process that parses it, out of Qiskit's Rust and C++, or make it ask
for all memory there is. So a child with bounds goes first. OpenQASM 2 and QPY, which parse quickly,
are then parsed a second time in this process, and nothing can be lost on the way; the circuit of
OpenQASM 3 comes back as QPY that Qiskit itself wrote.

Where it can be done safely the child is a fork, which costs a few milliseconds: on Linux, with one
thread. Elsewhere it is started anew and loads Qiskit for itself. macOS holds no bound of memory,
and Windows none at all: there a crash ends the child alone too, and time is bounded.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass

from qiskit import QuantumCircuit

from qrsession.circuits.parser_process import OUT_OF_MEMORY, Bounds, order_of, parse_and_leave
from qrsession.circuits.parsing import load_parser, parse_circuits
from qrsession.circuits.sources import LARGEST_FILE_BYTES, Source, SourceFormat
from qrsession.codec import circuits_from_qpy
from qrsession.diagnostics import Log
from qrsession.errors import CircuitError
from qrsession.processes.limits import physical_bytes

# Beside what a file of its size takes: parsers, threads, and gates that are written out.
_LEAST_MEMORY_BYTES = 512 * 2**20
# Several times what was measured, for plain and for composite gates.
_MEMORY_PER_BYTE = {SourceFormat.QASM2: 128, SourceFormat.QASM3: 1024, SourceFormat.QPY: 64}
_LEAST_CPU_S = 60
# A quarter of what slow machines do.
_BYTES_PER_CPU_S = {
    SourceFormat.QASM2: 200_000,
    SourceFormat.QASM3: 10_000,
    SourceFormat.QPY: 200_000,
}
# A process that waits for ever uses no processor; a busy machine gives it a part of one.
_WALL_PER_CPU_TIME = 5
_PIECE_BYTES = 2**20
# What is beyond it tells of a crash on Windows.
_LARGEST_OF_PYTHON = 255
_MODULE = "qrsession.circuits.parser_process"

log = Log("circuits")


@dataclass(frozen=True)
class _Ending:
    """How the child ended.

    Attributes:
        answer: What it wrote.
        code: Its exit code, or the negative number of the signal that ended it.
        in_time: Whether it ended by itself.
    """

    answer: bytes
    code: int
    in_time: bool = True


def read_circuits(source: Source) -> list[QuantumCircuit]:
    """Parse a source; OpenQASM holds one circuit, QPY one or more.

    Raises:
        CircuitError: It does not parse, or its parser crashed, or took more memory or time than a
            file of its size may. ``details`` has ``path`` and, for OpenQASM, ``line``.
    """
    if source.is_ours:
        return parse_circuits(source)
    bounds = _bounds_of(source)
    try:
        ending = _fork(source, bounds) if _can_fork() else _start(source, bounds)
    except OSError as error:
        # No process is to be had. Whoever would have them all used up gains no more than before.
        log.note("no process to parse %s in: %s", source.name, error)
        return parse_circuits(source)
    head, newline, circuits = ending.answer.partition(b"\n")
    if ending.code or not newline:
        return _without_answer(source, bounds, ending)
    said = json.loads(head)
    if said:
        raise CircuitError(said["message"], advice=said["advice"], details=said["details"])
    return circuits_from_qpy(circuits) if circuits else parse_circuits(source)


def _bounds_of(source: Source) -> Bounds:
    # What it includes counts as much, and has that bound.
    size_bytes = len(source.data) if source.is_self_contained else LARGEST_FILE_BYTES
    memory_bytes = _LEAST_MEMORY_BYTES + size_bytes * _MEMORY_PER_BYTE[source.format]
    cpu_s = _LEAST_CPU_S + size_bytes // _BYTES_PER_CPU_S[source.format]
    return Bounds(min(memory_bytes, physical_bytes() or memory_bytes), cpu_s)


def _can_fork() -> bool:
    # A lock that another thread holds would be held in the fork for ever.
    return sys.platform == "linux" and threading.active_count() == 1


def _fork(source: Source, bounds: Bounds) -> _Ending:
    load_parser(source.format)
    answer_fd, child_fd = os.pipe()
    try:
        with warnings.catch_warnings():
            # Python tells of threads that it knows nothing of: idle ones of numerical libraries,
            # which take care of a fork by themselves.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            os.close(answer_fd)
            parse_and_leave(source, bounds, child_fd)
    except BaseException:
        os.close(answer_fd)
        raise
    finally:
        os.close(child_fd)
    answer = None
    try:
        answer = _read(answer_fd, time.monotonic() + bounds.cpu_s * _WALL_PER_CPU_TIME)
    finally:
        # Whatever interrupts this process, no child outlives it.
        os.close(answer_fd)
        code = _reap(child, ends_itself=answer is not None)
    return _Ending(answer or b"", code, in_time=answer is not None)


def _reap(child: int, *, ends_itself: bool) -> int:
    if not ends_itself:
        os.kill(child, signal.SIGKILL)
    try:
        _, status = os.waitpid(child, 0)
    except ChildProcessError:
        # A program that ignores the ends of its children never hears how they ended.
        return 0
    return os.waitstatus_to_exitcode(status)


def _read(answer_fd: int, deadline_s: float) -> bytes | None:
    """Return all that comes, None where it has not ended by a time of the monotonic clock."""
    pieces: list[bytes] = []
    waiting = select.poll()
    waiting.register(answer_fd, select.POLLIN)
    while (left_s := deadline_s - time.monotonic()) > 0:
        if waiting.poll(left_s * 1000):
            piece = os.read(answer_fd, _PIECE_BYTES)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
    return None


def _start(source: Source, bounds: Bounds) -> _Ending:
    # -P: what lies in the folder where the user happens to be is not imported.
    command = [sys.executable, "-P", "-m", _MODULE]
    try:
        done = subprocess.run(  # noqa: S603 - this program's own interpreter and module
            command,
            input=order_of(source, bounds),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=bounds.cpu_s * _WALL_PER_CPU_TIME,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _Ending(b"", 0, in_time=False)
    return _Ending(done.stdout, done.returncode)


def _without_answer(source: Source, bounds: Bounds, ending: _Ending) -> list[QuantumCircuit]:
    size = f"A file of {len(source.data)} bytes"
    if not ending.in_time or ending.code == -getattr(signal, "SIGXCPU", 0) < 0:
        problem = f"reading it took more than {bounds.cpu_s} s"
        advice = f"{size} should not. Write the circuit as QPY, or in several files."
    elif ending.code == OUT_OF_MEMORY:
        problem = "its parser ran out of memory"
        advice = f"{size} should not need {bounds.memory_bytes // 2**20} MiB. Is it damaged?"
    elif 0 < ending.code <= _LARGEST_OF_PYTHON:
        # It never came to the file: this Python cannot be started by its name, for example.
        log.note("the process to parse %s in ended with %s", source.name, ending.code)
        return parse_circuits(source)
    else:
        problem = f"its parser crashed{_cause_of(ending.code)}"
        advice = "The file is damaged, or holds more than fits into memory."
    details = {"path": source.name, "line": None}
    raise CircuitError(f"{source.name}: {problem}.", advice=advice, details=details)


def _cause_of(code: int) -> str:
    # Windows has numbers of its own, and a program may choose not to hear of any.
    try:
        return f" ({signal.Signals(-code).name})"
    except ValueError:
        return ""
