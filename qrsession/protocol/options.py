"""What ``sampler`` and ``estimator`` accept as options: fields, types and bounds, once.

Both ends use this table, the client before it sends and the runtime before it accepts.
Source: ``SamplerV2`` and ``EstimatorV2`` schemas v0.1 of ibm-quantum-schemas; the sections
"SamplerOptions" and "EstimatorOptions" of the API reference.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from qrsession.errors import InvalidTypeError, InvalidValueError, UnknownOptionError

AUTO = "auto"
_LONGEST_SHOWN = 100
# Far beyond what anything here counts, times or draws a seed from, and so far from the end of what
# a float holds that numbers may be multiplied.
LARGEST_NUMBER = 2.0**128


@dataclass(frozen=True)
class Field:
    """One option: its type, its bounds, and whether null, ``"auto"`` or a list will do.

    Attributes:
        kind: The type of a value: bool, int, float or str; ``object`` for anything.
        low: The lowest number, allowed itself unless ``above`` is set.
        above: Whether ``low`` itself is too low.
        high: The highest number.
        choices: The words allowed.
        nullable: Whether null will do.
        auto: Whether ``"auto"`` will do.
        many: ``"list"`` where a list of such values is expected, ``"either"`` where one will do.
    """

    kind: type
    low: float | None = None
    high: float | None = None
    above: bool = False
    choices: tuple[str, ...] = ()
    nullable: bool = False
    auto: bool = False
    many: str = ""

    def expected(self) -> str:
        """Say in words what is allowed."""
        if self.choices:
            words = "one of " + ", ".join(self.choices)
        else:
            words = {bool: "true or false", int: "a whole number", float: "a number"}.get(
                self.kind, "a string"
            )
        if self.low is not None and self.high is not None and not self.above:
            words += f" from {_plain(self.low)} to {_plain(self.high)}"
        else:
            if self.low is not None:
                words += f" {'above' if self.above else 'of at least'} {_plain(self.low)}"
            if self.high is not None:
                words += f" and at most {_plain(self.high)}"
        if self.many:
            words = f"a list of which each is {words}" + (f", or {words}" * (self.many == "either"))
        return words + ', or "auto"' * self.auto + ", or null" * self.nullable


Table: TypeAlias = "dict[str, Field | Table]"

_POSITIVE_OR_AUTO = Field(int, low=1, auto=True)
EXTRAPOLATORS = (
    "linear",
    "exponential",
    "double_exponential",
    *(f"polynomial_degree_{degree}" for degree in range(1, 8)),
    "fallback",
)

_DYNAMICAL_DECOUPLING: Table = {
    "enable": Field(bool),
    "sequence_type": Field(str, choices=("XX", "XpXm", "XY4")),
    "extra_slack_distribution": Field(str, choices=("middle", "edges")),
    "scheduling_method": Field(str, choices=("alap", "asap")),
    "skip_reset_qubits": Field(bool),
}
_TWIRLING: Table = {
    "enable_gates": Field(bool),
    "enable_measure": Field(bool),
    "num_randomizations": _POSITIVE_OR_AUTO,
    "shots_per_randomization": _POSITIVE_OR_AUTO,
    "strategy": Field(str, choices=("active", "active-accum", "active-circuit", "all")),
}
# By default the estimator decides by its resilience level, and null asks for that.
_ESTIMATOR_TWIRLING: Table = {
    **_TWIRLING,
    "enable_gates": Field(bool, nullable=True),
    "enable_measure": Field(bool, nullable=True),
}
_SIMULATOR: Table = {
    "noise_model": Field(object, nullable=True),
    "seed_simulator": Field(int, low=0, nullable=True),
    "coupling_map": Field(object, nullable=True),
    "basis_gates": Field(str, many="list", nullable=True),
}
_EXECUTION: Table = {
    "init_qubits": Field(bool),
    "rep_delay": Field(float, low=0, nullable=True),
}
_MEASURE_NOISE_LEARNING: Table = {
    "num_randomizations": Field(int, low=1),
    "shots_per_randomization": _POSITIVE_OR_AUTO,
}
_LAYER_NOISE_LEARNING: Table = {
    "max_layers_to_learn": Field(int, low=0, nullable=True),
    "shots_per_randomization": Field(int, low=1),
    "num_randomizations": Field(int, low=1),
    "layer_pair_depths": Field(int, low=0, many="list"),
}
_ZNE: Table = {
    "amplifier": Field(
        str, choices=("gate_folding", "gate_folding_front", "gate_folding_back", "pea")
    ),
    "noise_factors": Field(float, low=1, many="list"),
    "extrapolator": Field(str, choices=EXTRAPOLATORS, many="either"),
    "extrapolated_noise_factors": Field(float, low=0, many="list", auto=True),
}
_PEC: Table = {
    "max_overhead": Field(float, low=0, above=True, nullable=True),
    "noise_gain": Field(float, low=0, auto=True),
}
_RESILIENCE: Table = {
    "measure_mitigation": Field(bool, nullable=True),
    "measure_noise_learning": _MEASURE_NOISE_LEARNING,
    "zne_mitigation": Field(bool, nullable=True),
    "zne": _ZNE,
    "pec_mitigation": Field(bool),
    "pec": _PEC,
    "layer_noise_learning": _LAYER_NOISE_LEARNING,
    "layer_noise_model": Field(object, nullable=True),
}

SAMPLER_OPTIONS: Table = {
    "default_shots": Field(int, low=1),
    "dynamical_decoupling": _DYNAMICAL_DECOUPLING,
    "execution": {
        **_EXECUTION,
        "meas_type": Field(str, choices=("classified", "kerneled", "avg_kerneled")),
    },
    "twirling": _TWIRLING,
    "simulator": _SIMULATOR,
    "experimental": Field(object),
}
ESTIMATOR_OPTIONS: Table = {
    "default_precision": Field(float, low=0, above=True),
    "default_shots": Field(int, low=1, nullable=True),
    "seed_estimator": Field(int, low=0, nullable=True),
    "dynamical_decoupling": _DYNAMICAL_DECOUPLING,
    "execution": _EXECUTION,
    "twirling": _ESTIMATOR_TWIRLING,
    "resilience": _RESILIENCE,
    "simulator": _SIMULATOR,
    "experimental": Field(object),
}
OPTIONS_OF = {"sampler": SAMPLER_OPTIONS, "estimator": ESTIMATOR_OPTIONS}

DEFAULT_SHOTS = 4096
DEFAULT_PRECISION = 0.015625
RESILIENCE_LEVELS = (0, 1, 2)


def check_options(options: Mapping[Any, Any], table: Table, path: str = "options") -> None:
    """Hold options against a table.

    Raises:
        UnknownOptionError: An unknown field; the message has the nearest known one.
        InvalidValueError: A value out of bounds.
        InvalidTypeError: A value of the wrong type. All name the field's path.
    """
    for name, value in options.items():
        here = f"{path}.{name}"
        entry = table.get(name) if isinstance(name, str) else None
        if entry is None:
            raise unknown_option(here, str(name), table)
        if isinstance(entry, Field):
            _check_value(value, entry, here)
        elif isinstance(value, Mapping):
            check_options(value, entry, here)
        else:
            raise InvalidTypeError(f"{here} must be a table of options.", details={"path": here})


def unknown_option(path: str, name: str, known: Iterable[str]) -> UnknownOptionError:
    """Return the error for an option that there is not, with the nearest one of those known."""
    names = list(known)
    return UnknownOptionError(
        f"There is no option {path!r}.{_nearest(name, names)}",
        advice=f"Known here: {', '.join(names)}.",
        details={"path": path},
    )


def to_wire(options: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """Return options, held against the table before, as IBM's client sends them.

    What is a number with a fraction by its type is sent as one, and empty tables not at all.

    Raises:
        InvalidValueError: A whole number is too large for that.
    """
    wire: dict[str, Any] = {}
    for name, value in options.items():
        entry = table[name]
        if not isinstance(entry, Field):
            wire[name] = to_wire(value, entry)
        else:
            wire[name] = _as_floats(value, name) if entry.kind is float else value
    return without_empty(wire)


def merged(options: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with others put over them, table by table."""
    result = dict(options)
    for name, value in others.items():
        before = result.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            result[name] = merged(before, value)
        else:
            result[name] = value
    return result


def without_empty(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options without tables in which there is nothing, at any depth."""
    kept = {
        name: without_empty(value) if isinstance(value, Mapping) else value
        for name, value in options.items()
    }
    return {name: value for name, value in kept.items() if value or not isinstance(value, Mapping)}


def _as_floats(value: Any, name: str) -> Any:
    if isinstance(value, list | tuple):
        return [_as_floats(entry, name) for entry in value]
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    try:
        return float(value)
    except OverflowError:
        raise InvalidValueError(f"{name} is a number too large to be sent.") from None


def _check_value(value: Any, allowed: Field, path: str) -> None:
    if value is None and allowed.nullable:
        return
    # An array compares with a word element by element.
    if isinstance(value, str) and value == AUTO and allowed.auto:
        return
    if allowed.many and isinstance(value, list | tuple):
        for entry in value:
            _check_one(entry, allowed, path)
    elif allowed.many == "list":
        raise _wrong_type(value, allowed, path)
    else:
        _check_one(value, allowed, path)


def _check_one(value: Any, allowed: Field, path: str) -> None:
    if allowed.kind is object:
        return
    wanted: Any = int | float if allowed.kind is float else allowed.kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and allowed.kind is not bool):
        raise _wrong_type(value, allowed, path)
    if isinstance(value, int | float) and abs(value) > LARGEST_NUMBER:
        # Not shown: it may have more digits than Python writes.
        raise InvalidValueError(
            f"{path} is too large a number; it must be {allowed.expected()}.",
            details={"path": path},
        )
    too_low = allowed.low is not None and (
        not value > allowed.low if allowed.above else not value >= allowed.low
    )
    too_high = allowed.high is not None and not value <= allowed.high
    if too_low or too_high or (allowed.choices and value not in allowed.choices):
        raise InvalidValueError(
            f"{path} is {_shown(value)}; it must be {allowed.expected()}.", details={"path": path}
        )


def _wrong_type(value: Any, allowed: Field, path: str) -> InvalidTypeError:
    return InvalidTypeError(
        f"{path} is {_shown(value)}; it must be {allowed.expected()}.", details={"path": path}
    )


def _shown(value: Any) -> str:
    """Return a value as it is written, if that is no book."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # A whole number in it has more digits than Python writes, or it is nested too deeply.
        return "something too large to be shown"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _plain(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _nearest(name: str, names: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    matches = get_close_matches(name, names, n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""
