"""What a program hands to a primitive, as a list of Qiskit's pubs.

Beside the pubs of ``qiskit.primitives`` that is what programs from before them write: a bare
circuit, or circuits, observables and values apart. Source: ``SamplerPub.coerce`` and
``EstimatorPub.coerce`` of Qiskit; ``BaseSamplerV1.run`` and ``BaseEstimatorV1.run``.
"""

import math
import operator
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qrsession.errors import CircuitError, InvalidTypeError, InvalidValueError, UsageError
from qrsession.protocol.options import LARGEST_NUMBER

_PUBS = (SamplerPub, EstimatorPub)
FORM_OF = {
    SamplerPub: "[(circuit, values, shots), ...]",
    EstimatorPub: "[(circuit, observables, values, precision), ...]",
}


def listed_pubs(pubs: Any, form: str) -> list[Any]:
    """Return pubs as a list. One circuit, one pub, or one tuple that can only be a pub will do.

    Args:
        pubs: What a program gave.
        form: How pubs are written, for the message.

    Raises:
        InvalidTypeError: They are no collection.
        InvalidValueError: There is none: a job that measures nothing is paid for all the same.
    """
    if isinstance(pubs, QuantumCircuit | SamplerPub | EstimatorPub) or _is_one_pub(pubs):
        return [pubs]
    if isinstance(pubs, str) or not isinstance(pubs, Iterable):
        raise InvalidTypeError(
            f"Pubs must be a list of pubs, not {type(pubs).__name__}.", advice=f"Write {form}."
        )
    found = list(pubs)
    if not found:
        raise InvalidValueError("There is no pub to run.", advice="Give one at least.")
    return found


def apart(circuits: Any, *others: Any) -> list[tuple[Any, ...]]:
    """Put pubs together of circuits and what older programs give beside them, one after another.

    Args:
        circuits: A circuit, or a sequence of them.
        others: For each circuit one entry; for a single circuit, what stands in its pub. None
            where the programs give nothing.

    Raises:
        InvalidValueError: There is not one entry for each circuit.
        InvalidTypeError: They are neither a circuit nor a sequence of them.
    """
    if isinstance(circuits, QuantumCircuit):
        return [(circuits, *others)]
    advice = "Write one tuple for each circuit: [(circuit, ...), ...]."
    if isinstance(circuits, str) or not isinstance(circuits, Iterable):
        raise InvalidTypeError(
            f"Circuits must be a list of circuits, not {type(circuits).__name__}.", advice=advice
        )
    found = list(circuits)
    columns: list[list[Any]] = []
    for given in others:
        # An operator has a length too: that of its sum.
        if not isinstance(given, list | tuple | np.ndarray | None):
            raise InvalidTypeError(
                f"For a list of circuits a list is expected, not {type(given).__name__}.",
                advice=advice,
            )
        column = [None] * len(found) if given is None else list(given)
        if len(column) != len(found):
            raise InvalidValueError(
                f"There are {len(found)} circuits, and {len(column)} entries beside them.",
                advice=advice,
            )
        columns.append(column)
    return list(zip(found, *columns, strict=True))


def coerced(kind: Any, pub: Any, default: float | None) -> Any:
    """Make a pub of what stands for one, with errors of ours in place of Qiskit's.

    Args:
        kind: ``SamplerPub`` or ``EstimatorPub``.
        pub: What stands for one.
        default: The shots, or the precision, of pubs that name none.

    Raises:
        InvalidTypeError: What stands for its circuit is none, or a value is of the wrong type.
        CircuitError: Values or observables do not fit the circuit.
    """
    # Else Qiskit trips over what it takes for a circuit, with an AttributeError.
    circuit = pub[0] if isinstance(pub, tuple | list) and pub else getattr(pub, "circuit", pub)
    if not isinstance(circuit, QuantumCircuit):
        raise InvalidTypeError(
            f"A pub's circuit must be QuantumCircuit, not {type(circuit).__name__}.",
            advice=f"Write {FORM_OF[kind]}.",
        )
    try:
        found = kind.coerce(pub, default)
        _check_names(found)
    except UsageError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        # Whoever catches what Qiskit's own primitives raise catches it here.
        ours = InvalidTypeError if isinstance(error, TypeError) else CircuitError
        raise ours(
            f"A pub cannot be read: {str(error).rstrip('.')}.",
            advice=f"Write {FORM_OF[kind]}, with as many values as the circuit has parameters.",
        ) from error
    return found


def check_shots(shots: Any) -> int | None:
    """Hold the shots of a run against their form.

    Raises:
        InvalidTypeError: They are no whole number.
        InvalidValueError: There is none.
    """
    if shots is None:
        return None
    if isinstance(shots, bool) or not hasattr(shots, "__index__"):
        raise InvalidTypeError(f"shots must be a whole number, not {shots!r}.")
    number = operator.index(shots)
    if number < 1:
        raise InvalidValueError(f"shots is {number}; it must be at least 1.")
    if number > LARGEST_NUMBER:
        # Not shown: it may have more digits than Python writes.
        raise InvalidValueError("shots is too large a number.")
    return number


def check_precision(precision: Any) -> float | None:
    """Hold the precision of a run against its form.

    Raises:
        InvalidTypeError: It is no number.
        InvalidValueError: It is not above 0, or infinite.
    """
    if precision is None:
        return None
    is_number = isinstance(precision, Real) and not isinstance(precision, bool)
    if not is_number:
        raise InvalidTypeError(f"precision must be a number, not {precision!r}.")
    try:
        number = float(precision)
    except OverflowError:
        number = math.inf
    if not (number > 0 and math.isfinite(number)):
        raise InvalidValueError(
            f"precision is {number:g}; it must be above 0, and finite.",
            advice="It is the standard error that is wanted; an exact value takes endless shots.",
        )
    # A whole number goes as it is: IBM's client sends it so.
    return precision if isinstance(precision, int | float) else number


def _check_names(pub: Any) -> None:
    """Hold the names of values against those of parameters: Qiskit only counts them."""
    named = {name for names in pub.parameter_values.data for name in names}
    wanted = {parameter.name for parameter in pub.circuit.parameters}
    if wanted - named:
        raise CircuitError(
            f"A pub has no value for the parameter {min(wanted - named)!r}, and has one for "
            f"{min(named - wanted)!r}.",
            advice=f"Write {FORM_OF[type(pub)]}, with the names of the circuit's parameters.",
        )


def _is_one_pub(pubs: Any) -> bool:
    """Tell whether a tuple is a pub: it begins with a circuit, and the rest can be no pubs."""
    if not isinstance(pubs, tuple) or not pubs or not isinstance(pubs[0], QuantumCircuit):
        return False
    return len(pubs) > 1 and not any(_may_be_pub(other) for other in pubs[1:])


def _may_be_pub(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return bool(value) and isinstance(value[0], QuantumCircuit)
    return isinstance(value, (QuantumCircuit, *_PUBS))
