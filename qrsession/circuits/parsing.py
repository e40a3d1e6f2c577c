"""Circuit files to Qiskit's circuits, in this process: see `isolation` for why in a child first."""

import re
import warnings
from contextlib import redirect_stderr
from io import StringIO

from qiskit import QuantumCircuit, qasm2
from qiskit.exceptions import QiskitError

from qrsession.circuits.sources import Source, SourceFormat
from qrsession.codec import circuits_from_qpy
from qrsession.codec.openqasm import with_named_bits
from qrsession.errors import CircuitError

_LINE = re.compile(r"(?:<input>:|^|L)(\d+)[,:]C?(\d+):?\s*")


def parse_circuits(source: Source) -> list[QuantumCircuit]:
    """Parse a source; OpenQASM holds one circuit, QPY one or more.

    Raises:
        CircuitError: It does not parse. ``details`` has ``path`` and, for OpenQASM, ``line``.
    """
    try:
        if source.format is SourceFormat.QPY:
            return circuits_from_qpy(source.data)
        reader = _read_qasm2 if source.format is SourceFormat.QASM2 else _read_qasm3
        return [reader(source)]
    except CircuitError as error:
        if error.message.startswith(source.name):
            raise
        details = {"path": source.name, **error.details}
        message = f"{source.name}: {error.message}"
        raise CircuitError(message, advice=error.advice, details=details) from error


def load_parser(source_format: SourceFormat) -> None:
    """Load what reads a format, where it takes time: who forks should have it loaded."""
    if source_format is SourceFormat.QASM3:
        import openqasm3  # noqa: F401, PLC0415 - reading OpenQASM 2 and QPY needs no ANTLR
        import qiskit_qasm3_import  # noqa: F401, PLC0415


def _read_qasm2(source: Source) -> QuantumCircuit:
    try:
        return qasm2.loads(
            source.text(),
            include_path=(source.folder,),
            # What Qiskit's older reader took, and so what files out there contain.
            custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
            custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL,
        )
    except (QiskitError, RecursionError, MemoryError, OverflowError) as error:
        raise _parse_error(source, _words(error)) from error


def _read_qasm3(source: Source) -> QuantumCircuit:
    # As in `load_parser`.
    import openqasm3  # noqa: PLC0415
    from qiskit_qasm3_import import convert  # noqa: PLC0415

    try:
        # ANTLR prints what it then raises.
        with redirect_stderr(StringIO()), warnings.catch_warnings():
            # Between the importer and Qiskit; who gave the file can do nothing about it.
            warnings.simplefilter("ignore", DeprecationWarning)
            program = openqasm3.parse(source.text())
            return with_named_bits(convert(program), program)
    except RecursionError as error:
        raise _parse_error(source, "it is nested too deeply") from error
    except Exception as error:
        # The importer has errors of its own without a common base, and lets Qiskit's through.
        raise _parse_error(source, _words(error) or _antlr_words(error)) from error


def _words(error: BaseException) -> str:
    # As text, Qiskit's errors have quotes around them.
    return error.message if isinstance(error, QiskitError) else str(error)


def _antlr_words(error: Exception) -> str:
    """Say where the parser stopped, where ANTLR cancelled without a word."""
    inner = error.__cause__.args[0] if error.__cause__ and error.__cause__.args else None
    token = getattr(inner, "offendingToken", None)
    if token is None:
        return "it does not parse"
    return f"{token.line},{token.column}: {token.text!r} is not expected here"


def _parse_error(source: Source, words: str) -> CircuitError:
    match = _LINE.search(words)
    line = int(match[1]) if match else None
    reason = (words[match.end() :] if match else words).strip().rstrip(".")
    where = f"{source.name}, line {line}" if line else source.name
    return CircuitError(
        f"{where}: {' '.join(reason.split())}.",
        advice=f"It was read as {source.format}.",
        details={"path": source.name, "line": line},
    )
