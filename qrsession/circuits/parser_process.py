"""What happens in the process that parses a circuit file: within bounds, and it tells how it went.

It is a fork of the command, or ``python -m qrsession.circuits.parser_process``; see `isolation`.
Its answer is a line of JSON, behind which the circuits may follow as QPY.
"""

import gc
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from qrsession.circuits.sources import Source, SourceFormat
from qrsession.errors import CircuitError
from qrsession.processes import limits

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

# The exit code where there was not even the memory for an answer.
OUT_OF_MEMORY = 77
# What Rust's collections say where a number in the file has them ask for too much.
_OUT_OF_MEMORY_IN_RUST = "memory allocation failed"
_LONGEST_WORDS = 200


@dataclass(frozen=True)
class Bounds:
    """What the process may use.

    Attributes:
        memory_bytes: Memory beside what it has when it begins to parse.
        cpu_s: Time of a processor.
    """

    memory_bytes: int
    cpu_s: int


def order_of(source: Source, bounds: Bounds) -> bytes:
    """Return what a process that is started by itself reads from its standard input."""
    head = {
        "name": source.name,
        "format": source.format,
        "folder": os.path.abspath(source.folder),  # noqa: PTH100 - it need not be there
        "bounds": asdict(bounds),
    }
    return json.dumps(head).encode() + b"\n" + source.data


def parse_and_leave(source: Source, bounds: Bounds, answer_fd: int) -> NoReturn:
    """Parse a source in a fork, write the answer, and end without touching what is the parent's."""
    # As if a signal had ended it: what goes wrong before the file is parsed goes no further.
    code = 256 - signal.SIGABRT
    try:
        _set_apart(answer_fd)
        # Nothing that the parent has is garbage here.
        gc.freeze()
        _enforce(bounds)
        code = _answer(source, answer_fd)
    except MemoryError:
        code = OUT_OF_MEMORY
    except BaseException:  # noqa: BLE001, S110 - a fork must end here, and has nobody to tell it to
        pass
    finally:
        os._exit(code)


def main() -> int:
    """Parse what standard input says, and write the answer to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    head, _, data = sys.stdin.buffer.read().partition(b"\n")
    order = json.loads(head)
    source = Source(order["name"], data, SourceFormat(order["format"]), Path(order["folder"]))
    # Whatever else is printed is no part of the answer.
    answer_fd = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # Loaded before there is a limit.
    from qrsession.circuits import parsing  # noqa: PLC0415 - the room of Qiskit

    parsing.load_parser(source.format)
    _enforce(Bounds(**order["bounds"]))
    return _answer(source, answer_fd)


def _set_apart(answer_fd: int) -> None:
    """Keep what the parser does away from the parent's streams and signals."""
    import faulthandler  # noqa: PLC0415 - nothing else needs it

    faulthandler.disable()
    # The parent is interrupted too, and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        if stream != answer_fd:
            os.dup2(nothing, stream)


def _enforce(bounds: Bounds) -> None:
    limits.leave_no_core()
    limits.offer_to_be_killed_first()
    limits.limit_cpu_time(bounds.cpu_s)
    limits.limit_address_space(bounds.memory_bytes)


def _answer(source: Source, answer_fd: int) -> int:
    """Parse, write the answer, and return the exit code."""
    try:
        answer = _parse(source)
    except MemoryError:
        return OUT_OF_MEMORY
    with os.fdopen(answer_fd, "wb", closefd=False) as stream:
        stream.writelines(answer)
    return 0


def _parse(source: Source) -> tuple[bytes, bytes]:
    """Return the two parts of the answer."""
    from qrsession.circuits.parsing import parse_circuits  # noqa: PLC0415 - the room of Qiskit

    circuits = b""
    said: dict[str, Any] = {}
    try:
        parsed = parse_circuits(source)
        if source.format is SourceFormat.QASM3:
            circuits = _as_qpy(parsed)
    except CircuitError as error:
        if isinstance(error.__cause__, MemoryError) or _OUT_OF_MEMORY_IN_RUST in error.message:
            raise MemoryError from None
        said = {"message": error.message, "advice": error.advice, "details": error.details}
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of Rust is no plain exception
        words = " ".join(str(error).split())[:_LONGEST_WORDS] or type(error).__name__
        said = {
            "message": f"{source.name}: its parser failed: {words}.",
            "advice": "The file is damaged, or uses what this version of Qiskit does not know.",
            "details": {"path": source.name, "line": None},
        }
    return json.dumps(said).encode() + b"\n", circuits


def _as_qpy(circuits: "list[QuantumCircuit]") -> bytes:
    """Return circuits for the parent, which takes long to parse again; b"" where it must.

    QPY forgets the order of registers, for one, where some are made of single bits.
    """
    from io import BytesIO  # noqa: PLC0415 - with Qiskit, which has it loaded

    from qiskit import qpy

    buffer = BytesIO()
    try:
        qpy.dump(circuits, buffer)
        buffer.seek(0)
        loaded = qpy.load(buffer)
        is_the_same = all(map(_is_the_same, circuits, loaded))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever QPY does not know, the parent reads by itself
        return b""
    return buffer.getvalue() if is_the_same else b""


def _is_the_same(circuit: "QuantumCircuit", loaded: "QuantumCircuit") -> bool:
    return (
        circuit.qregs == loaded.qregs
        and circuit.cregs == loaded.cregs
        and circuit.name == loaded.name
        and circuit.metadata == loaded.metadata
        and bool(circuit == loaded)
    )


if __name__ == "__main__":
    sys.exit(main())
