"""What is said of a circuit that a backend cannot run: one sentence, whoever found it out.

Circuits are looked at by Qiskit, or as text where they are sent as they are. No Qiskit here.
"""

import shlex
from collections.abc import Iterable, Sequence

from qrsession.errors import CircuitError

# A circuit may have thousands of parameters, and an error has three lines.
_MOST_NAMES = 6
# What numpy.savez calls an array that was given no name, with a number behind it.
_NAMELESS_ARRAY = "arr_"
TRANSPILE = (
    "Leave --no-transpile out, or give optimization_level, to have it transpiled to the backend."
)


def too_wide(name: str, num_qubits: int, most: int) -> CircuitError:
    """Return the error for a circuit with more qubits than the backend."""
    return CircuitError(
        f"{name}: the circuit has {num_qubits} qubits, the backend {most}.",
        advice="Choose a wider backend: `qrsession backends`.",
        details={"path": name},
    )


def without_values(parameters: Sequence[str]) -> CircuitError:
    """Return the error for a circuit of which some parameters were given no values."""
    if len(parameters) > _MOST_NAMES:
        advice = "Give all in a file: --params values.json"
    else:
        options = (f"--param {shlex.quote(f'{name}=0.5')}" for name in parameters)
        advice = f"Give each one: {' '.join(options)}"
    return CircuitError(
        f"The circuit's parameters have no values: {names_of(parameters)}.",
        advice=advice,
        details={"parameters": list(parameters)},
    )


def no_parameter(name: str, known: Iterable[str]) -> CircuitError:
    """Return the error for a value of a parameter that no circuit has."""
    return CircuitError(
        f"No circuit has a parameter {name!r}.",
        advice=_advice_on(name, sorted(known, key=_in_order)),
    )


def _advice_on(name: str, known: Sequence[str]) -> str:
    if not known:
        return "There are none: leave its value out."
    if name.startswith(_NAMELESS_ARRAY) and name.removeprefix(_NAMELESS_ARRAY).isdecimal():
        return f"Save arrays with their names: numpy.savez(file, {known[0]}=...)."
    return f"Parameters are: {names_of(known)}."


def names_of(names: Sequence[str]) -> str:
    """Name a few for people; of many the first, and how many there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    left_out = len(names) - _MOST_NAMES
    return f"{shown} and {left_out} more" if left_out > 0 else shown


def _in_order(name: str) -> tuple[str, int]:
    """Sort by name, and a vector's elements by their number."""
    vector, bracket, element = name.removesuffix("]").rpartition("[")
    return (vector, int(element)) if bracket and element.isdecimal() else (name, -1)


def no_pauli(observable: str) -> CircuitError:
    """Return the error for an observable that devices do not measure: one with projectors."""
    return CircuitError(
        f"{observable!r} has letters other than I, X, Y and Z, which devices do not measure.",
        advice="Write projectors as sums of Paulis: 0.5*I + 0.5*Z for 0, 0.5*I - 0.5*Z for 1.",
        details={"observable": observable},
    )


def unfit_register(name: str, problem: str) -> CircuitError:
    """Return the error for a circuit whose results cannot be named by its registers."""
    return CircuitError(
        f"{name}: {problem}.", advice="Rename the register.", details={"path": name}
    )


def why_misplaced(
    operation: str, qubits: Sequence[int], known: Iterable[str], faulty: Iterable[int]
) -> str:
    """Return why an instruction cannot stand on qubits of a device, where it cannot.

    Args:
        operation: Its name.
        qubits: The device's numbers of its qubits.
        known: The names of the device's instructions.
        faulty: The numbers of the device's qubits that are out of order.
    """
    broken = sorted(set(faulty).intersection(qubits))
    known = sorted(known)
    if broken:
        are = "is" if len(broken) == 1 else "are"
        return f"{qubits_text(broken)} of the backend {are} out of order"
    if operation not in known:
        return f"the backend has no such instruction; it has {', '.join(known)}"
    if len(qubits) > 1:
        return "the backend does not couple these qubits in this order"
    return "the backend has this instruction on other qubits"


def qubits_text(qubits: Sequence[int]) -> str:
    """Return qubits by their numbers, as words of a sentence."""
    return f"qubit{'s' * (len(qubits) > 1)} {', '.join(map(str, qubits))}"
