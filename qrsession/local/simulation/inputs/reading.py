"""Circuits as they are sent: typed QPY, or the text of OpenQASM 3."""

import contextlib
import io
import re
from typing import Any

from qiskit import QuantumCircuit, qasm3

from qrsession.codec import decode
from qrsession.codec.openqasm import with_named_bits
from qrsession.local.devices.device import MOST_QUBITS
from qrsession.local.simulation.circuits.guarding import active_qubits
from qrsession.local.simulation.failures import failed, not_valid, one_line
from qrsession.protocol import faults

_MOST_CLBITS = 100_000
_LONGEST_LOOP = 5_000_000
# Gates in a definition when those that it uses are written out. The importer copies definitions
# whole, so 60 gates that each use the one before twice would keep it busy for ever.
_LARGEST_DEFINITION = 100_000

# Sizes that Qiskit's importer would build at once, without a bound: `qubit[20000000] q;` takes all
# memory there is. A size that is no literal is the value of a constant, hence a literal elsewhere.
_INTEGER = r"(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*)"
_SIZES = re.compile(rf"\b(?:qubit|bit|qreg|creg|const)\b[^;{{}}]*?[\[\s=]{_INTEGER}", re.ASCII)
_PHYSICAL = re.compile(r"\$([0-9]+)", re.ASCII)
_RANGE = re.compile(rf"\bin\s*\[[^\]]*{_INTEGER}[^\]]*\]", re.ASCII)
_DEFINITION = re.compile(r"\bgate\s+(\w+)[^{]*\{([^}]*)\}")
_NAME = re.compile(r"[^\W\d]\w*")
# Circuits by whether they came as text, and as which; the oldest is forgotten first.
_REMEMBERED: dict[tuple[bool, str] | None, Any] = {}
_MOST_REMEMBERED = 8
_LARGEST_REMEMBERED = 1_000_000
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def read_circuit(value: Any, where: str) -> QuantumCircuit:
    """Read a pub's circuit.

    Raises:
        JobFailedError: It is no circuit, or one that is too large for any method.
    """
    circuit = _known_circuit(value, where)
    if not isinstance(circuit, QuantumCircuit):
        raise not_valid(
            f"{where}: the circuit must be OpenQASM 3 text or a typed QuantumCircuit.",
        )
    check_width(circuit, where)
    return circuit


def check_width(circuit: QuantumCircuit, where: str) -> None:
    """Refuse a circuit that uses more qubits than any method takes.

    Raises:
        JobFailedError: It does.
    """
    if circuit.num_qubits > MOST_QUBITS and len(active_qubits(circuit)) > MOST_QUBITS:
        raise not_valid(
            f"{where}: the circuit uses more than {MOST_QUBITS} qubits.",
            f"Use at most {MOST_QUBITS} qubits.",
        )


def _known_circuit(value: Any, where: str) -> Any:
    """Read a circuit, or take the one that was read of the same bytes just before.

    A loop that varies parameters sends one circuit again and again. Nothing that runs a circuit
    changes it.
    """
    is_text = isinstance(value, str)
    payload = value if is_text else value.get("__value__") if isinstance(value, dict) else None
    key = (is_text, payload) if isinstance(payload, str) else None
    if key in _REMEMBERED:
        return _REMEMBERED[key]
    circuit = _from_qasm(value, where) if is_text else decode(value)
    if key is not None and len(key[1]) <= _LARGEST_REMEMBERED:
        while len(_REMEMBERED) >= _MOST_REMEMBERED:
            del _REMEMBERED[next(iter(_REMEMBERED))]
        _REMEMBERED[key] = circuit
    return circuit


def _from_qasm(text: str, where: str) -> QuantumCircuit:
    plain = _COMMENTS.sub(" ", text)
    _check_sizes(plain, where)
    _check_definitions(plain, where)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            circuit = qasm3.loads(text)
            if all(circuit.find_bit(bit).registers for bit in circuit.clbits):
                return circuit
            # Imported here: few programs have bits of no register.
            import openqasm3  # noqa: PLC0415

            return with_named_bits(circuit, openqasm3.parse(text))
    except Exception as error:
        # The importer lets through what its parser, its types and Qiskit raise.
        raise failed(
            faults.NOT_QASM,
            f"{where}: the circuit could not be parsed as OpenQASM 3: "
            f"{_explain(text, error, said.getvalue())}.",
            "Correct the text; a circuit in QPY must be sent as a typed QuantumCircuit.",
        ) from error


def _explain(text: str, error: Exception, said: str) -> str:
    """Say what is wrong with a text, and where, as far as the parser tells."""
    if not text.strip():
        return "it is empty"
    if said.strip():
        return " ".join(said.split("\n", 1)[0].split())
    reasons = getattr(error.__cause__, "args", ())
    token = getattr(reasons[0], "offendingToken", None) if reasons else None
    if token is not None:
        return f"line {token.line}:{token.column} unexpected {token.text!r}"
    words = one_line(error)
    return words if words != type(error).__name__ else "it is not OpenQASM 3"


def _check_sizes(plain: str, where: str) -> None:
    bounds = (
        (_SIZES, _MOST_CLBITS, "declares a size of"),
        (_PHYSICAL, MOST_QUBITS, "names the physical qubit"),
        (_RANGE, _LONGEST_LOOP, "loops up to"),
    )
    for pattern, most, what in bounds:
        for match in pattern.finditer(plain):
            size = _integer(match[1])
            if size > most:
                raise not_valid(
                    f"{where}: the circuit {what} {size:.7g}; at most {most} is taken.",
                    "Declare what the circuit uses.",
                )


def _check_definitions(plain: str, where: str) -> None:
    sizes: dict[str, int] = {}
    for match in _DEFINITION.finditer(plain):
        size = 1 + sum(sizes.get(name, 1) for name in _NAME.findall(match[2]))
        if size > _LARGEST_DEFINITION:
            raise not_valid(
                f"{where}: the gate {match[1]!r} has more than {_LARGEST_DEFINITION} operations "
                "when the gates in its definition are written out.",
                "Define smaller gates, or use loops.",
            )
        sizes[match[1]] = size


def _integer(text: str) -> float:
    digits = text.replace("_", "")
    if len(digits) > 18:  # noqa: PLR2004 - `int` itself refuses some thousands of digits
        return float("inf")
    return int(digits, 0) if digits[:1] != "0" or not digits.isdecimal() else int(digits)
