"""Circuits that go to the service as the bytes that the user gave, without Qiskit.

OpenQASM 3 goes as its text. What can be told of it by its words is checked: that it includes and
declares what the service can read, and, for a device, that its instructions are the device's own,
on qubits that have them. What only a parser can tell is left to the service. QPY for a simulator
goes as it is, too; for a device, where a job that fails costs a turn in the queue, Qiskit looks at
it once, and the cache remembers. Source: "Primitives with REST API" in IBM's guides.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from qrsession.circuits.misfits import TRANSPILE, too_wide, why_misplaced
from qrsession.circuits.screening import includes_of, without_comments
from qrsession.circuits.sources import PreparedCircuit, Source, SourceFormat
from qrsession.errors import CircuitError
from qrsession.protocol.fields import objects, optional, required, strings
from qrsession.protocol.qpy import NEWEST_SERVICE_VERSION, read_header
from qrsession.protocol.register_names import register_name_problem
from qrsession.protocol.typed import deflate

# Quantifiers that give nothing back keep the time in proportion to the text.
_SIZE = r"(?:\[[^\[\];]*+\]\s*+)?+"
_INPUT = re.compile(rf"\binput\s++(\w++)\s*+{_SIZE}(\w++)\s*+;")
_INPUT_TYPES = frozenset({"float", "angle"})
_QUBITS = re.compile(
    r"\bqubit\b\s*+(?:\[\s*+(\d++)\s*+\]\s*+)?+(\w++)\s*+;"
    r"|\bqreg\s++(\w++)\s*+(?:\[\s*+(\d++)\s*+\]\s*+)?+;"
)
_BITS = re.compile(rf"\b(?:bit\b\s*+{_SIZE}|creg\s++)(\w++)")
_DEFINED = re.compile(r"\b(?:gate|def|defcal|extern)\s++(\w++)")
_MEASURE = re.compile(r"\bmeasure\b")
# Whole statements: `c = measure q;`, `measure q -> c;`, `bit[2] c = measure q;`.
_MEASUREMENT = re.compile(r"\s*+(?:[^=;{}()]*+=\s*+)?+measure\b[^;{}]*+;")
_BARRIER = re.compile(r"\s*+barrier\b[^;{}]*+;")
_STRING = re.compile(r'"[^"\n]*+"')
# A call of a gate: its name, its angles in at most three levels of brackets, its qubits.
_INNER = r"\([^()]*+\)"
_ANGLES = rf"\((?:[^()]|\((?:[^()]|{_INNER})*+\))*+\)"
_OPERAND = r"(?:\$\d++|[^\W\d]\w*+(?:\s*\[\s*+\d{1,9}\s*+\])?)"
_CALL = re.compile(
    rf"(?:^|(?<=[;{{}}]))\s*+([^\W\d]\w*+)\s*+({_ANGLES}\s*+)?+"
    rf"({_OPERAND}(?:\s*,\s*+{_OPERAND})*)\s*+(?=;)"
)
# Of one byte.
_ANY_VERSION = 255
_PHYSICAL = re.compile(r"\$(\d+)")
_INDEXED = re.compile(r"([^\W\d]\w*)\s*\[\s*(\d+)\s*\]")
# Statements that look like a call of a gate, and are none.
_NO_GATES = frozenset(
    (
        *("barrier", "include", "return", "input", "output", "const", "bool", "int", "uint"),
        *("float", "angle", "complex", "duration", "stretch", "bit", "qubit", "qreg", "creg"),
        *("let", "if", "else", "for", "while", "switch", "case", "default", "end", "break"),
        *("continue", "extern", "gate", "def", "cal", "defcal", "box", "pragma", "nop", "opaque"),
    )
)


def prepare_untranspiled(
    source: Source,
    configuration: Mapping[str, Any],
    properties: Mapping[str, Any],
    *,
    is_estimated: bool = False,
) -> PreparedCircuit | None:
    """Return the wire form of a circuit that goes as it is; None where that takes Qiskit.

    Args:
        source: The circuit file.
        configuration: The configuration of the backend that it goes to.
        properties: The backend's properties; empty where it has none.
        is_estimated: Whether it goes to an estimator, without the measurements at its end.

    Raises:
        CircuitError: It cannot run on the backend.
    """
    if source.format is SourceFormat.QASM3:
        circuit = _prepare_text(source, configuration, properties)
        return _without_final_measurements(circuit) if is_estimated else circuit
    if source.format is SourceFormat.QPY and not is_device(configuration):
        return _prepare_qpy(source, required(configuration, "n_qubits", int))
    return None


def wire_of_qpy(source: Source) -> dict[str, Any] | None:
    """Return the wire form of the bytes of a QPY file, None where the service takes it in no such.

    It takes one circuit, in a version that it reads.
    """
    if source.format is not SourceFormat.QPY:
        return None
    header = read_header(source.data, _ANY_VERSION)
    if header.num_circuits != 1 or header.version > NEWEST_SERVICE_VERSION:
        return None
    return {"__type__": "QuantumCircuit", "__value__": deflate(source.data)}


def is_device(configuration: Mapping[str, Any]) -> bool:
    """Tell whether a backend has instructions on some qubits alone, as devices have."""
    return bool(configuration.get("coupling_map")) or configuration.get("simulator") is False


def faulty_qubits(properties: Mapping[str, Any]) -> set[int]:
    """Return the qubits that a backend's properties call out of order."""
    return {
        qubit
        for qubit, entries in enumerate(optional(properties, "qubits", list) or [])
        if _is_broken(entries)
    }


def _is_broken(entries: Any) -> bool:
    return any(
        entry.get("name") == "operational" and entry.get("value") == 0
        for entry in entries
        if isinstance(entry, dict)
    )


def _prepare_qpy(source: Source, num_qubits: int) -> PreparedCircuit | None:
    wire = wire_of_qpy(source)
    if wire is None:
        return None
    header = read_header(source.data, NEWEST_SERVICE_VERSION)
    if header.num_qubits > num_qubits:
        raise too_wide(source.name, header.num_qubits, num_qubits)
    return PreparedCircuit(
        wire=wire,
        # Only a parser of QPY could tell; the service holds names against the circuit.
        parameters=None,
        source_parameters=(),
        has_measurement=header.num_clbits > 0,
        layouts=(tuple(range(header.num_qubits)),),
        num_wire_qubits=header.num_qubits,
    )


def _prepare_text(
    source: Source, configuration: Mapping[str, Any], properties: Mapping[str, Any]
) -> PreparedCircuit:
    # Line breaks stay, so that lines can be counted.
    code = _STRING.sub('""', without_comments(source.text()))
    text = _Text(source.name, code)
    text.check_includes(without_comments(source.text()))
    text.check_width(required(configuration, "n_qubits", int))
    if is_device(configuration):
        text.check_calls(_Wiring(configuration, properties))
    parameters = tuple(text.inputs())
    return PreparedCircuit(
        wire=source.text(),
        parameters=parameters,
        source_parameters=parameters,
        has_measurement=bool(_MEASURE.search(code) and _BITS.search(code)),
        register_problem=text.register_problem(),
        layouts=(tuple(range(text.num_qubits())),),
        num_wire_qubits=text.num_qubits(),
    )


def _without_final_measurements(circuit: PreparedCircuit) -> PreparedCircuit:
    """Return a circuit of text without the measurements that its program ends with."""
    code = without_comments(str(circuit.wire)).rstrip()
    end, lost = len(code), False
    while code.endswith(";", 0, end):
        # A statement begins after the one before it, or after the end of a block.
        start = max(code.rfind(";", 0, end - 1), code.rfind("}", 0, end)) + 1
        measurement = _MEASUREMENT.fullmatch(code, start, end)
        if measurement is None and _BARRIER.fullmatch(code, start, end) is None:
            break
        lost |= measurement is not None
        end = len(code[:start].rstrip())
    return replace(circuit, wire=f"{code[:end]}\n", lost_measurements=True) if lost else circuit


class _Wiring:
    """What a device's documents say of its instructions, and where they are."""

    def __init__(self, configuration: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        self.faulty = faulty_qubits(properties)
        signatures = objects(configuration, "instruction_signatures")
        self.names = {
            *strings(configuration, "basis_gates"),
            *(strings(configuration, "supported_instructions") or ("measure", "reset", "delay")),
            *(required(signature, "name", str) for signature in signatures),
        }
        self._places = {
            required(gate, "name", str): {tuple(place) for place in gate.get("coupling_map") or ()}
            for gate in objects(configuration, "gates")
        }
        for gate in objects(properties, "gates"):
            if _is_broken(gate.get("parameters") or ()):
                name = required(gate, "gate", str)
                self._places.get(name, set()).discard(tuple(required(gate, "qubits", list)))

    def has(self, name: str, qubits: tuple[int, ...]) -> bool:
        """Tell whether an instruction is there for these qubits, in this order."""
        places = self._places.get(name)
        return not places or qubits in places


class _Text:
    """A program of OpenQASM 3, by its words: without comments and strings."""

    def __init__(self, name: str, code: str) -> None:
        self._name = name
        self._code = code
        self._offsets: dict[str, int] = {}
        self._num_virtual = 0
        for size, qubit, qreg, qreg_size in _QUBITS.findall(code):
            self._offsets[qubit or qreg] = self._num_virtual
            self._num_virtual += int(size or qreg_size or 1)

    def check_includes(self, code: str) -> None:
        """Refuse files of the user's: the service has them not."""
        for include in sorted(includes_of(code)):
            raise self._error(
                0, f"it includes {include!r}, which the service cannot read", "Write it out."
            )

    def check_width(self, num_qubits: int) -> None:
        """Hold declared and physical qubits against the backend's."""
        if self._num_virtual > num_qubits:
            raise too_wide(self._name, self._num_virtual, num_qubits)
        for match in _PHYSICAL.finditer(self._code):
            if int(match[1]) >= num_qubits:
                raise self._error(
                    match.start(),
                    f"there is no physical qubit ${match[1]}; the backend has {num_qubits}",
                    "Choose a wider backend: `qrsession backends`.",
                )

    def num_qubits(self) -> int:
        """Return how many qubits it is about: importers number physical ones from 0 on."""
        physical = (int(number) + 1 for number in _PHYSICAL.findall(self._code))
        return max(self._num_virtual, *physical, 0)

    def check_calls(self, wiring: _Wiring) -> None:
        """Hold gates against those that a device has, where they are called for named qubits."""
        own = {*_DEFINED.findall(self._code), *_NO_GATES}
        for match in _CALL.finditer(self._code):
            name = match[1]
            if name in own:
                continue
            qubits = tuple(self._numbers(match[3]))
            is_all_named = len(qubits) == match[3].count(",") + 1
            if (
                name not in wiring.names
                or not wiring.faulty.isdisjoint(qubits)
                or (is_all_named and not wiring.has(name, qubits))
            ):
                problem = why_misplaced(name, qubits, wiring.names, wiring.faulty)
                raise self._error(
                    match.start(1),
                    f"the instruction {name} on {' '.join(match[3].split())} cannot run: {problem}",
                    TRANSPILE,
                    {"instruction": name, "qubits": list(qubits)},
                )

    def inputs(self) -> Iterator[str]:
        """Yield the names of its parameters, as they are declared."""
        for match in _INPUT.finditer(self._code):
            if match[1] not in _INPUT_TYPES:
                raise self._error(
                    match.start(),
                    f"the parameter {match[2]!r} is of type {match[1]}",
                    "Parameters are of type float or angle.",
                )
            yield match[2]

    def register_problem(self) -> str:
        """Return what is wrong with the name of a register, "" if all are fine."""
        problems = (register_name_problem(name) for name in _BITS.findall(self._code))
        return next(filter(None, problems), "")

    def _numbers(self, operands: str) -> Iterator[int]:
        """Yield the backend's numbers of operands, as far as they name single qubits."""
        for operand in operands.split(","):
            word = operand.strip()
            indexed = _INDEXED.fullmatch(word)
            if word.startswith("$"):
                yield int(word[1:])
            elif indexed is not None and indexed[1] in self._offsets:
                yield self._offsets[indexed[1]] + int(indexed[2])

    def _error(
        self, at: int, problem: str, advice: str, details: Mapping[str, Any] | None = None
    ) -> CircuitError:
        line = self._code.count("\n", 0, at) + 1
        return CircuitError(
            f"{self._name}, line {line}: {problem}.",
            advice=advice,
            details={"path": self._name, "line": line, **(details or {})},
        )
