"""Circuit files without parsing them: where they are, what they hold, their key in the cache.

No Qiskit here, so that a file whose wire form is in the cache is never parsed.
"""

import glob
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from qrsession.cache import content_key
from qrsession.circuits.screening import check_qasm2, check_qasm3, includes_of, without_comments
from qrsession.errors import CircuitError
from qrsession.protocol.typed import TYPED_JSON_VERSION

LARGEST_FILE_BYTES = 32 * 2**20
# The parser of OpenQASM 3 reads some 40 kB a second.
LARGEST_QASM3_BYTES = 4 * 2**20

EXAMPLES_FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLE_PREFIX = "@"
STANDARD_INPUT = "-"

_QPY_MAGIC = b"QISKIT"
# Of one byte.
_ANY_VERSION = 255
_HEADER = re.compile(r"\s*OPENQASM\s+(\d+)(?:\.\d+)?\s*;")


class SourceFormat(StrEnum):
    """What a circuit file holds, told by its content and not by its name."""

    QASM2 = "OpenQASM 2"
    QASM3 = "OpenQASM 3"
    QPY = "QPY"


@dataclass(frozen=True)
class Source:
    """A circuit file.

    Attributes:
        name: What the user called it: a path, ``-`` or ``@bell``.
        data: Its bytes.
        format: What they hold.
        folder: Where its own include files are looked for.
        is_self_contained: Whether its bytes say all: it includes no file of the user's.
        is_ours: Whether this process has written it, of a circuit of Qiskit's: it is not damaged.
    """

    name: str
    data: bytes
    format: SourceFormat
    folder: Path = Path()
    is_self_contained: bool = True
    is_ours: bool = False

    def text(self) -> str:
        """Return the program's text, for the two formats that have one."""
        return self.data.decode()


@dataclass(frozen=True)
class Transpilation:
    """How circuits are turned into those of a backend; part of their cache key.

    Attributes:
        optimization_level: 0 to 3, or None to leave circuits as they are.
        seed: The seed of the transpiler's random choices, None for a fresh one.
        use_fractional_gates: Whether they may have gates with an angle that takes time, such as
            ``rzz``; None: where the backend has such gates.
    """

    optimization_level: int | None = 2
    seed: int | None = None
    use_fractional_gates: bool | None = False


@dataclass(frozen=True)
class PreparedCircuit:
    """A circuit on the wire, and what must be known of it without parsing it again.

    Attributes:
        wire: The typed JSON of the circuit, or its text in OpenQASM 3.
        parameters: Names of its parameters, in the order in which values are given; None: not
            known, for a circuit that nobody parsed.
        source_parameters: Those of the circuit as it was read; transpiling may lose some.
        has_measurement: Whether the sampler has something to sample.
        register_problem: Why the sampler cannot name its results, "" if it can.
        has_free_angles: Whether an angle for which the backend has bounds depends on parameters.
        layouts: For an estimator: for each width that an observable may have, which qubit of the
            circuit on the wire each of its qubits is in the end. The first is that of the circuit
            as it was written; a file that was laid out for a backend before has a second, that of
            its own qubits.
        num_wire_qubits: How many qubits the circuit on the wire has.
        lost_measurements: Whether measurements at its end were left out, as an estimator wants.
    """

    wire: dict[str, Any] | str
    parameters: tuple[str, ...] | None
    source_parameters: tuple[str, ...]
    has_measurement: bool
    register_problem: str = ""
    has_free_angles: bool = False
    layouts: tuple[tuple[int, ...], ...] = ()
    num_wire_qubits: int = 0
    lost_measurements: bool = False


def read_sources(arguments: Iterable[str]) -> list[Source]:
    """Read the circuit files that a command names: paths, globs, ``-`` and ``@examples``.

    Raises:
        CircuitError: One cannot be read, is empty or too large, or holds something else.
    """
    return [read_source(name) for argument in arguments for name in _expand(argument)]


def read_source(name: str) -> Source:
    """Read one circuit file, or standard input (``-``), or a bundled example (``@bell``).

    Raises:
        CircuitError: It cannot be read, is empty or too large, or holds something else.
    """
    if name == STANDARD_INPUT:
        if sys.stdin is None:
            raise _unreadable(name, "standard input is closed")
        return _examine(name, sys.stdin.buffer.read(LARGEST_FILE_BYTES + 1), Path.cwd())
    if name.startswith(EXAMPLE_PREFIX) and not _exists(name):
        return _read_example(name)
    path = Path(name)
    try:
        with path.open("rb") as file:
            # A pipe or a device does not know its size.
            data = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(name, reason) from error
    return _examine(name, data, path.parent)


def list_examples() -> list[str]:
    """Return the names of the bundled circuits, without ``@``."""
    return sorted({path.stem for path in EXAMPLES_FOLDER.iterdir() if path.suffix == ".qasm"})


def circuit_key(
    source: Source, fingerprint: str, transpilation: Transpilation, *, is_estimated: bool = False
) -> str:
    """Return the content key of a source's wire form.

    Two circuits share a key only where everything is equal that the wire form depends upon: the
    file's bytes, the backend's target, Qiskit's version, how it is transpiled, this codec, and
    whether it goes to an estimator, which measures by itself.
    """
    return content_key(
        "circuit",
        source.data,
        source.format,
        fingerprint,
        qiskit_version(),
        repr(transpilation),
        str(TYPED_JSON_VERSION),
        *(["estimated"] if is_estimated else []),
    )


def qiskit_version() -> str:
    """Return the version of the installed Qiskit without importing it."""
    from importlib.util import find_spec  # noqa: PLC0415 - not needed where Qiskit is loaded

    spec = find_spec("qiskit")
    if spec is None or spec.origin is None:
        return ""
    return Path(spec.origin).with_name("VERSION.txt").read_text(encoding="utf-8").strip()


def circuit_names(sources: Sequence[Source]) -> list[str]:
    """Return what the circuits of sources are called, in order; of a file of many, by number."""
    names = []
    for source in sources:
        count = 1
        if source.format is SourceFormat.QPY:
            from qrsession.protocol.qpy import read_header  # noqa: PLC0415 - others have one circuit

            # One that cannot be read is told by whoever reads it.
            with suppress(CircuitError):
                count = read_header(source.data, _ANY_VERSION).num_circuits
        names += [source.name] if count == 1 else [f"{source.name}[{at}]" for at in range(count)]
    return names


def _expand(argument: str) -> list[str]:
    # A shell leaves a pattern that is quoted, or that matches nothing, as it is.
    if argument.startswith(EXAMPLE_PREFIX) or not glob.has_magic(argument):
        return [argument]
    if _exists(argument):
        return [argument]
    names = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - patterns may be absolute
    if not names:
        raise CircuitError(f"No file matches {argument!r}.", details={"path": argument})
    return names


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:
        # Too long for a name, or in a folder that may not be looked into.
        return False


def _read_example(name: str) -> Source:
    stem = name.removeprefix(EXAMPLE_PREFIX)
    if stem not in list_examples():
        raise CircuitError(
            f"There is no example {name!r}.",
            advice=f"Bundled: {', '.join(EXAMPLE_PREFIX + known for known in list_examples())}.",
            details={"path": name},
        )
    path = EXAMPLES_FOLDER / f"{stem}.qasm"
    return _examine(name, path.read_bytes(), path.parent)


def _examine(name: str, data: bytes, folder: Path) -> Source:
    if len(data) > LARGEST_FILE_BYTES:
        raise _too_large(name, LARGEST_FILE_BYTES)
    # Some editors put a mark of the encoding first, which no parser takes.
    data = data.removeprefix(BOM_UTF8)
    if not data.strip():
        raise _wrong(name, "it is empty")
    if data.startswith(_QPY_MAGIC):
        return Source(name, data, SourceFormat.QPY, folder)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _wrong(name, "it is neither OpenQASM text nor QPY") from None
    code = without_comments(text)
    header = _HEADER.match(code)
    if header is None or header[1] not in {"2", "3"}:
        raise CircuitError(
            f"{name} is no circuit: it starts with neither OPENQASM 2.0; nor OPENQASM 3.0; "
            "and is no QPY.",
            details={"path": name, "line": 1},
        )
    is_qasm3 = header[1] == "3"
    if is_qasm3 and len(data) > LARGEST_QASM3_BYTES:
        raise _too_large(name, LARGEST_QASM3_BYTES)
    if is_qasm3:
        check_qasm3(name, code)
    else:
        check_qasm2(name, code, folder, LARGEST_FILE_BYTES)
    return Source(
        name,
        data,
        SourceFormat.QASM3 if is_qasm3 else SourceFormat.QASM2,
        folder,
        is_self_contained=not includes_of(code),
    )


def _unreadable(name: str, why: str) -> CircuitError:
    return CircuitError(f"{name} cannot be read: {why}.", details={"path": name})


def _wrong(name: str, why: str) -> CircuitError:
    return CircuitError(f"{name} is no circuit: {why}.", details={"path": name})


def _too_large(name: str, limit_bytes: int) -> CircuitError:
    return _wrong(name, f"it has more than {limit_bytes // 2**20} MiB")
