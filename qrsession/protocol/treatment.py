"""What the options ask to be done about noise, with all defaults in place.

A sampler does nothing by itself. An estimator does by its ``resilience_level``, 1 unless it is
given: at 1 measurements are twirled and mitigated (TREX), at 2 gates are twirled too and the noise
is extrapolated to zero (ZNE). An option that is given, and not null, goes before the level. What
one technique cannot do without it turns on: mitigation of measurements their twirling, PEC and PEA
the twirling of gates and measurements.

Source: guide "Configure error mitigation"; "EstimatorOptions", "TwirlingOptions" and "ZneOptions"
of the API reference.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DEFAULT_LEVEL = 1
# The level from which on each is done.
_FROM_LEVEL = {
    "twirling.enable_gates": 2,
    "twirling.enable_measure": 1,
    "resilience.measure_mitigation": 1,
    "resilience.zne_mitigation": 2,
}
_LEARNING_RANDOMIZATIONS = 32
_MOST_RANDOMIZATIONS = 32
_FEWEST_SHOTS = 64
_NOISE_FACTORS = (1.0, 3.0, 5.0)
_PEA_NOISE_FACTORS = (1.0, 1.5, 2.0)
_EXTRAPOLATORS = ("exponential", "linear")


class Strategy(StrEnum):
    """Which qubits are twirled around a layer of two-qubit gates.

    Those of its gates; of all gates up to it; of all gates of the circuit; all of the circuit.
    """

    ACTIVE = "active"
    ACCUMULATED = "active-accum"
    CIRCUIT = "active-circuit"
    ALL = "all"


class Amplifier(StrEnum):
    """How noise is amplified: which gates are folded once more where not all are."""

    RANDOM = "gate_folding"
    FRONT = "gate_folding_front"
    BACK = "gate_folding_back"
    PEA = "pea"


@dataclass(frozen=True)
class Twirling:
    """How circuits are randomized.

    Attributes:
        gates: Whether two-qubit gates are twirled.
        measure: Whether measurements are.
        num_randomizations: In how many forms a circuit runs; None where the shots decide.
        shots_per_randomization: How often each runs; None where the shots decide.
        strategy: Which qubits are twirled around a layer of gates.
    """

    gates: bool
    measure: bool
    num_randomizations: int | None
    shots_per_randomization: int | None
    strategy: Strategy

    @property
    def is_on(self) -> bool:
        """Whether anything is twirled."""
        return self.gates or self.measure

    @property
    def own_shots(self) -> int | None:
        """The shots that it asks for by itself, None where it asks for none.

        They go before the default of the options, and after what a pub or a run asks for.
        """
        both = self.num_randomizations, self.shots_per_randomization
        return None if not self.is_on or None in both else math.prod(n for n in both if n)

    def split(self, shots: int, *, fewest: int | None = None) -> tuple[int, int]:
        """Return the number of randomizations, and the shots of each: together ``shots`` or more.

        Args:
            shots: The shots that are wanted.
            fewest: The shots of a randomization where nothing says how many; by default a 32nd
                part of all, and at least 64.
        """
        if not self.is_on:
            return 1, shots
        number, each = self.num_randomizations, self.shots_per_randomization
        if number is None:
            if each is None:
                each = fewest or max(_FEWEST_SHOTS, -(-shots // _MOST_RANDOMIZATIONS))
            return -(-shots // each), each
        if each is None or number * each != shots:
            # What is asked for in all goes before what is asked for each.
            each = -(-shots // number)
        return number, each


@dataclass(frozen=True)
class Learning:
    """How the errors of measurements are learned.

    Attributes:
        num_randomizations: In how many forms the learning circuit runs.
        shots_per_randomization: How often each runs; None: as often as those of the pubs.
    """

    num_randomizations: int
    shots_per_randomization: int | None


@dataclass(frozen=True)
class Extrapolation:
    """How noise is extrapolated to zero.

    Attributes:
        amplifier: How it is amplified.
        noise_factors: How much, each at least 1.
        extrapolators: The models, the one that is preferred first.
        evaluated_at: The noise factors that each model is evaluated at.
    """

    amplifier: Amplifier
    noise_factors: tuple[float, ...]
    extrapolators: tuple[str, ...]
    evaluated_at: tuple[float, ...]


@dataclass(frozen=True)
class Decoupling:
    """How delays are filled.

    Attributes:
        sequence: ``XX``, ``XpXm`` or ``XY4``.
        slack: Where time goes that cannot be shared out evenly: ``middle`` or ``edges``.
        scheduling: ``alap`` or ``asap``.
        skips_reset_qubits: Whether a delay of a qubit that is still in state 0 is left as it is.
    """

    sequence: str
    slack: str
    scheduling: str
    skips_reset_qubits: bool


@dataclass(frozen=True)
class Treatment:
    """What is done about noise, for all pubs of a job.

    Attributes:
        twirling: How circuits are randomized.
        decoupling: How delays are filled; None: they are not.
        learning: How errors of measurements are learned and taken out; None: they are not.
        zne: How noise is extrapolated; None: it is not.
        pec: Whether probabilistic error cancellation is asked for.
    """

    twirling: Twirling
    decoupling: Decoupling | None = None
    learning: Learning | None = None
    zne: Extrapolation | None = None
    pec: bool = False

    @property
    def fewest_shots(self) -> int | None:
        """The shots of a randomization, where PEC has a number of its own."""
        return _FEWEST_SHOTS if self.pec else None

    def split(self, shots: int) -> tuple[int, int]:
        """Return the number of randomizations of a pub, and the shots of each."""
        return self.twirling.split(shots, fewest=self.fewest_shots)


UNTREATED = Treatment(Twirling(False, False, None, None, Strategy.ACCUMULATED))  # noqa: FBT003 - as declared


def treatment_of(program_id: str, params: Mapping[str, Any]) -> Treatment:
    """Return what the params of a job ask for.

    Args:
        program_id: ``sampler`` or ``estimator``.
        params: The params, held against the tables of options before.
    """
    options = params.get("options") or {}
    is_estimator = program_id == "estimator"
    level = params.get("resilience_level", DEFAULT_LEVEL) if is_estimator else 0
    resilience = (options.get("resilience") or {}) if is_estimator else {}
    pec = bool(resilience.get("pec_mitigation"))
    zne = _extrapolation(resilience.get("zne") or {})
    if not _is_on(options, "resilience.zne_mitigation", level):
        zne = None
    learning = None
    if _is_on(options, "resilience.measure_mitigation", level) and is_estimator:
        learning = _learning(resilience.get("measure_noise_learning") or {})
    injects = pec or (zne is not None and zne.amplifier is Amplifier.PEA)
    table = options.get("twirling") or {}
    gates = injects or _is_on(options, "twirling.enable_gates", level)
    measure = injects or learning is not None or _is_on(options, "twirling.enable_measure", level)
    twirling = Twirling(
        gates=gates,
        measure=measure,
        num_randomizations=_number(table.get("num_randomizations")),
        shots_per_randomization=_number(table.get("shots_per_randomization")),
        strategy=Strategy(table.get("strategy", Strategy.ACCUMULATED)),
    )
    return Treatment(twirling, _decoupling(options), learning, zne, pec)


def _is_on(options: Mapping[str, Any], path: str, level: int) -> bool:
    table, name = path.split(".")
    given = (options.get(table) or {}).get(name)
    return level >= _FROM_LEVEL[path] if given is None else bool(given)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _learning(table: Mapping[str, Any]) -> Learning:
    number = table.get("num_randomizations", _LEARNING_RANDOMIZATIONS)
    return Learning(number, _number(table.get("shots_per_randomization")))


def _extrapolation(table: Mapping[str, Any]) -> Extrapolation | None:
    amplifier = Amplifier(table.get("amplifier", Amplifier.RANDOM))
    default = _PEA_NOISE_FACTORS if amplifier is Amplifier.PEA else _NOISE_FACTORS
    factors = tuple(map(float, table.get("noise_factors", default)))
    models = table.get("extrapolator", _EXTRAPOLATORS)
    at = table.get("extrapolated_noise_factors", "auto")
    return Extrapolation(
        amplifier=amplifier,
        noise_factors=factors,
        extrapolators=(models,) if isinstance(models, str) else tuple(models),
        evaluated_at=(0.0, *factors) if isinstance(at, str) else tuple(map(float, at)),
    )


def _decoupling(options: Mapping[str, Any]) -> Decoupling | None:
    table = options.get("dynamical_decoupling") or {}
    if not table.get("enable"):
        return None
    return Decoupling(
        sequence=table.get("sequence_type", "XX"),
        slack=table.get("extra_slack_distribution", "middle"),
        scheduling=table.get("scheduling_method", "alap"),
        skips_reset_qubits=bool(table.get("skip_reset_qubits")),
    )
