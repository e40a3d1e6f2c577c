"""What OpenQASM text declares, held against bounds before a parser sees it.

A register of twenty million qubits aborts the process inside Qiskit, and forty gates of which each
uses the one before twice would keep it busy for ever. Each check takes time in proportion to the
text. No Qiskit here.
"""

import re
from contextlib import suppress
from pathlib import Path

from qrsession.errors import CircuitError

# More than any device or simulator method takes.
MOST_DECLARED = 10_000
# Operations of a program when its gates are written out; the local runtime has the same limit.
MOST_OPERATIONS = 5_000_000
# The importer of OpenQASM 3 copies definitions whole, so there a definition's own size counts.
LARGEST_QASM3_DEFINITION = 100_000
# Gates defined by gates that are defined by gates: each level is a call within a call of Qiskit's.
DEEPEST_DEFINITION = 100

# A comment that is never closed reaches to the end, so that each character is looked at once.
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
# What stands in brackets, up to where a declaration ends at the latest.
_SIZE = r"\s*\[([^\[\];]*)"
_QASM2_DECLARATION = re.compile(rf"\b[qc]reg\s+\w+{_SIZE}")
_QASM3_DECLARATION = re.compile(rf"\b(?:[qc]reg\s+\w+|qubit|bit){_SIZE}")
_PHYSICAL_QUBIT = re.compile(r"\$(\d+)")
_INCLUDE = re.compile(r'\binclude\s*"([^"]*)"')
_STANDARD_INCLUDES = frozenset({"qelib1.inc", "stdgates.inc"})
_GATE = re.compile(r"\s*gate\s+(\w+)")
_WORD = re.compile(r"[^\W\d]\w*")
_LONGEST_NUMBER = 30


def without_comments(text: str) -> str:
    """Blank out comments, and keep the line breaks so that lines can be counted."""
    return _COMMENTS.sub(lambda match: "\n" * match[0].count("\n") or " ", text)


def includes_of(code: str) -> set[str]:
    """Return the files of the user's own that a program without comments includes."""
    return set(_INCLUDE.findall(code)) - _STANDARD_INCLUDES


def check_qasm2(name: str, code: str, folder: Path, largest_bytes: int) -> None:
    """Hold a program and the files that it includes against the bounds.

    Args:
        name: What the user calls it.
        code: The program without comments.
        folder: Where its include files are looked for.
        largest_bytes: How large the include files may be together.

    Raises:
        CircuitError: It declares or defines too much, or what it includes is too large, includes
            itself, or is no file; ``details`` has ``path`` and ``line``.
    """
    parts = _Includes(folder, largest_bytes).parts_of(name, code)
    program = _Program(MOST_OPERATIONS)
    # A file is included where gates are used that it defines, so the last one comes first.
    for part_name, part in reversed(parts):
        program.check_declarations(part_name, part, _QASM2_DECLARATION)
        program.check_gates(part_name, part)


def check_qasm3(name: str, code: str) -> None:
    """Hold a program, which can include nothing of the user's, against the bounds.

    Raises:
        CircuitError: It declares or defines too much; ``details`` has ``path`` and ``line``.
    """
    program = _Program(LARGEST_QASM3_DEFINITION)
    program.check_declarations(name, code, _QASM3_DECLARATION)
    program.check_gates(name, code)
    for match in _PHYSICAL_QUBIT.finditer(code):
        number = _number(match[1])
        if number is None or number >= MOST_DECLARED:
            raise _too_much(
                name,
                code,
                match.start(),
                f"there is no physical qubit ${match[1][:_LONGEST_NUMBER]}",
            )


class _Includes:
    """The files of the user's own that a program includes, each read once."""

    def __init__(self, folder: Path, largest_bytes: int) -> None:
        self._folder = folder
        self._largest_bytes = largest_bytes
        self._left_bytes = largest_bytes

    def parts_of(self, name: str, code: str) -> list[tuple[str, str]]:
        """Return the names and the code of a program and of what it includes, outermost first."""
        parts = [(name, code)]
        graph: dict[str, set[str]] = {}
        for part_name, part in parts:
            # The program is not known by a name that a file could have.
            includes = graph[part_name if graph else ""] = includes_of(part)
            for include in sorted(includes - {known for known, _ in parts[1:]}):
                data = self._read(part_name, part, include)
                # What cannot be read the parser tells, with its line.
                if data is not None:
                    parts.append((include, without_comments(data.decode("utf-8", "replace"))))
        if len(parts) == 1:
            return parts
        # Imported here because few files include others.
        from graphlib import CycleError, TopologicalSorter  # noqa: PLC0415

        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = " > ".join(reversed(error.args[1]))
            raise CircuitError(
                f"{name}: what it includes includes itself: {circle}.", details={"path": name}
            ) from None
        return parts

    def _read(self, name: str, code: str, include: str) -> bytes | None:
        path = self._folder / include
        try:
            # A pipe would be waited for, and a device read for ever.
            is_odd = path.exists() and not path.is_file()
            data = b"" if is_odd else self._read_file(path)
        except (OSError, ValueError):
            return None
        if is_odd or self._left_bytes < 0:
            most = f"more than {self._largest_bytes // 2**20} MiB, with what comes before it"
            at = code.find(f'"{include}"')
            what = "which is no file" if is_odd else f"which has {most}"
            raise _too_much(name, code, at, f"it includes {include!r}, {what}")
        return data

    def _read_file(self, path: Path) -> bytes:
        with path.open("rb") as file:
            data = file.read(max(self._left_bytes, 0) + 1)
        self._left_bytes -= len(data)
        return data


class _Program:
    """What the files of one program declare and define together."""

    def __init__(self, largest_definition: int) -> None:
        self._largest_definition = largest_definition
        self._declared = 0
        self._operations = 0
        self._size_of_gate: dict[str, int] = {}
        self._depth_of_gate: dict[str, int] = {}

    def check_declarations(self, name: str, code: str, declaration: re.Pattern[str]) -> None:
        for match in declaration.finditer(code):
            size = _number(match[1].strip())
            self._declared += size or 0
            if size is None:
                # The parser would work it out, and make room for whatever comes of it.
                problem = "the size of a register must be a whole number"
            elif self._declared > MOST_DECLARED:
                problem = (
                    f"{self._declared} qubits and bits are declared; at most {MOST_DECLARED} are "
                    "taken"
                )
            else:
                continue
            raise _too_much(name, code, match.start(), problem)

    def check_gates(self, name: str, code: str) -> None:
        if not self._size_of_gate and "gate" not in code:
            return
        at = 0
        for part in code.split("}"):
            head, _, body = part.rpartition("{")
            # A definition's head stands between the statement before it and its brace.
            start = max(head.rfind(";"), head.rfind("{")) + 1
            gate = _GATE.match(head, start)
            size, depth = self._size(body)
            if gate is None:
                self._operations += size
            else:
                self._size_of_gate[gate[1]] = size
                self._depth_of_gate[gate[1]] = depth
            self._operations += self._size(head[:start])[0]
            if depth > DEEPEST_DEFINITION:
                problem = (
                    f"gates are defined by gates, {depth} deep; at most {DEEPEST_DEFINITION} "
                    "are taken"
                )
                raise _too_much(name, code, at + start, problem)
            if size > self._largest_definition or self._operations > MOST_OPERATIONS:
                what = "the program" if gate is None else f"the gate {gate[1]!r}"
                most = MOST_OPERATIONS if gate is None else self._largest_definition
                raise _too_much(
                    name,
                    code,
                    at + start,
                    f"{what} has more than {most} operations when its gates are written out",
                )
            at += len(part) + 1

    def _size(self, statements: str) -> tuple[int, int]:
        """Return how many operations statements are, and how deep their gates are defined."""
        sizes = self._size_of_gate
        words = _WORD.findall(statements) if sizes else []
        gates = [word for word in words if word in sizes]
        depth = 1 + max((self._depth_of_gate[gate] for gate in gates), default=0)
        return statements.count(";") + sum(sizes[gate] for gate in gates), depth


def _number(text: str) -> int | None:
    """Read a whole number, None where it is no plain one."""
    if len(text) > _LONGEST_NUMBER:
        return None
    for base in (0, 10):
        # Python takes leading zeros in base 10 alone, the parser takes them always.
        with suppress(ValueError):
            number = int(text, base)
            return number if number >= 0 else None
    return None


def _too_much(name: str, code: str, at: int, problem: str) -> CircuitError:
    # Blanks before a statement belong to it for us, and not for whoever looks at the line.
    at += len(code[at:]) - len(code[at:].lstrip())
    line = code.count("\n", 0, at) + 1
    return CircuitError(f"{name}, line {line}: {problem}.", details={"path": name, "line": line})
