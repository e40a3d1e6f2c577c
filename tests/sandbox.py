"""A process in which a test may do what could end it: crash, or take all memory or time.

One fork looks at many examples, one after another, so that hypothesis can try thousands and can
make smaller what killed it. A fork is made anew only after one has died.
"""

import faulthandler
import gc
import io
import os
import pickle
import select
import signal
import struct
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, Self

from qrsession.errors import QrsessionError
from qrsession.processes.limits import leave_no_core, limit_address_space

_LENGTH = struct.Struct("!Q")
_OUT_OF_MEMORY = 77
# An error is for people: one that repeats what it was given says nothing.
_LONGEST_MESSAGE = 1000


class End(StrEnum):
    """How an example ended."""

    RETURNED = "it returned"
    RAISED = "it raised"
    DIED = "its process died"
    LASTED = "it lasted too long"


@dataclass(frozen=True)
class Outcome:
    """What became of an example.

    Attributes:
        end: How it ended.
        value: What it returned, if it did.
        words: The traceback, or by which signal its process ended.
    """

    end: End
    value: Any = None
    words: str = ""


def told(read: Callable[[Any], object]) -> Callable[[Any], str]:
    """Return what reads an example and says ``read``, or by which code an error of ours told why.

    Whatever else is raised is for the sandbox to show.
    """

    def look(example: Any) -> str:
        try:
            read(example)
        except QrsessionError as error:
            return error.code if len(error.message) < _LONGEST_MESSAGE else "an endless message"
        return "read"

    return look


class Sandbox:
    """Calls a function in a process of its own, with bounds of memory and time.

    Args:
        function: Takes an example, returns something that can be pickled.
        memory_bytes: What the process may use beside what it has at first; Linux alone holds it.
        limit_s: How long an example may take, in seconds.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        memory_bytes: int = 2**30,
        limit_s: float = 30.0,
    ) -> None:
        self._function = function
        self._memory_bytes = memory_bytes
        self._limit_s = limit_s
        self._child: int | None = None
        self._orders = -1
        self._answers = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            self._reap()

    def run(self, example: object) -> Outcome:
        """Return what becomes of an example."""
        if self._child is None:
            self._start()
        order = pickle.dumps(example)
        try:
            _write(self._orders, order)
        except BrokenPipeError:
            return Outcome(End.DIED, words=self._reap())
        if not select.select([self._answers], [], [], self._limit_s)[0]:
            self.stop()
            return Outcome(End.LASTED)
        answer = _read(self._answers)
        if answer is None:
            return Outcome(End.DIED, words=self._reap())
        outcome: Outcome = pickle.loads(answer)  # noqa: S301 - from our own fork
        return outcome

    def _start(self) -> None:
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        with warnings.catch_warnings():
            # Idle threads of numerical libraries; see `qrsession.circuits.isolation`.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._child = os.fork()
        if self._child == 0:
            os.close(self._orders)
            os.close(self._answers)
            self._serve(orders, answers)
        os.close(orders)
        os.close(answers)

    def _serve(self, orders: int, answers: int) -> NoReturn:
        try:
            faulthandler.disable()
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(nothing, stream)
            gc.freeze()
            leave_no_core()
            limit_address_space(self._memory_bytes)
            while (order := _read(orders)) is not None:
                _write(answers, pickle.dumps(self._look_at(order)))
        finally:
            os._exit(0)

    def _look_at(self, order: bytes) -> Outcome:
        try:
            value = self._function(pickle.loads(order))  # noqa: S301 - from our own parent
        except MemoryError:
            # What is lost in here is lost for the examples that follow, too.
            os._exit(_OUT_OF_MEMORY)
        except BaseException:  # noqa: BLE001 - a panic of Rust is no plain exception
            words = io.StringIO()
            traceback.print_exc(limit=-8, file=words)
            return Outcome(End.RAISED, words=words.getvalue())
        return Outcome(End.RETURNED, value)

    def _reap(self) -> str:
        assert self._child is not None
        _, status = os.waitpid(self._child, 0)
        self._child = None
        os.close(self._orders)
        os.close(self._answers)
        code = os.waitstatus_to_exitcode(status)
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(_LENGTH.pack(len(data)) + data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read(descriptor: int) -> bytes | None:
    head = _read_exactly(descriptor, _LENGTH.size)
    return None if head is None else _read_exactly(descriptor, _LENGTH.unpack(head)[0])


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    pieces = b""
    while len(pieces) < size:
        piece = os.read(descriptor, size - len(pieces))
        if not piece:
            return None
        pieces += piece
    return pieces
