"""What options ask for: levels, what goes before what, what excludes what."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from ibm_quantum_schemas.estimator.version_0_1 import OptionsModel
from pydantic import ValidationError

from qrsession.errors import InvalidValueError
from qrsession.options import Options
from qrsession.protocol.combinations import FEWEST_NOISE_FACTORS, check_combination
from qrsession.protocol.options import ESTIMATOR_OPTIONS, EXTRAPOLATORS, check_options
from qrsession.protocol.treatment import (
    UNTREATED,
    Amplifier,
    Strategy,
    Treatment,
    Twirling,
    treatment_of,
)
from qrsession.protocol.unsimulated import not_simulated

pytestmark = pytest.mark.fast


def done(**params: Any) -> tuple[bool, bool, bool, bool]:
    """Return whether gates and measurements are twirled, reading mitigated, noise extrapolated."""
    treatment = treatment_of("estimator", params)
    twirling = treatment.twirling
    is_learned, is_extrapolated = treatment.learning is not None, treatment.zne is not None
    return twirling.gates, twirling.measure, is_learned, is_extrapolated


def test_the_levels_of_an_estimator() -> None:
    assert done(resilience_level=0) == (False, False, False, False)
    assert done(resilience_level=1) == done() == (False, True, True, False)
    assert done(resilience_level=2) == (True, True, True, True)


def test_an_option_goes_before_the_level_and_null_does_not() -> None:
    off = {"measure_mitigation": False, "zne_mitigation": False}
    twirling = {"enable_gates": False, "enable_measure": False}
    options = {"resilience": off, "twirling": twirling}
    assert done(resilience_level=2, options=options) == (False, False, False, False)
    on = {"resilience": {"zne_mitigation": True}, "twirling": {"enable_gates": True}}
    assert done(resilience_level=0, options=on) == (True, False, False, True)
    null = {"resilience": {"zne_mitigation": None}, "twirling": {"enable_measure": None}}
    assert done(resilience_level=2, options=null) == (True, True, True, True)


def test_what_needs_twirling_turns_it_on() -> None:
    off = {"enable_gates": False, "enable_measure": False}
    mitigated = {"resilience": {"measure_mitigation": True}, "twirling": off}
    assert done(resilience_level=0, options=mitigated) == (False, True, True, False)
    for resilience in (
        {"pec_mitigation": True},
        {"zne_mitigation": True, "zne": {"amplifier": "pea"}},
    ):
        gates, measure, *_ = done(
            resilience_level=0, options={"resilience": resilience, "twirling": off}
        )
        assert gates
        assert measure


def test_a_sampler_does_nothing_by_itself() -> None:
    assert treatment_of("sampler", {}) == UNTREATED
    options = {"twirling": {"enable_gates": True, "strategy": "all"}}
    twirling = treatment_of("sampler", {"options": options}).twirling
    assert (twirling.gates, twirling.measure, twirling.strategy) == (True, False, Strategy.ALL)


def test_defaults_of_what_is_on() -> None:
    zne = treatment_of("estimator", {"resilience_level": 2}).zne
    assert zne is not None
    assert zne.amplifier is Amplifier.RANDOM
    assert zne.noise_factors == (1.0, 3.0, 5.0)
    assert zne.extrapolators == ("exponential", "linear")
    assert zne.evaluated_at == (0.0, 1.0, 3.0, 5.0)
    learning = treatment_of("estimator", {}).learning
    assert learning is not None
    assert (learning.num_randomizations, learning.shots_per_randomization) == (32, None)
    decoupling = treatment_of("sampler", {"options": {"dynamical_decoupling": {"enable": True}}})
    assert decoupling.decoupling is not None
    assert decoupling.decoupling.sequence == "XX"
    pea = {"resilience": {"zne": {"amplifier": "pea"}}}
    amplified = treatment_of("estimator", {"resilience_level": 2, "options": pea}).zne
    assert amplified is not None
    assert amplified.noise_factors == (1.0, 1.5, 2.0)


def twirling(number: int | None, each: int | None, *, is_on: bool = True) -> Twirling:
    return Twirling(is_on, False, number, each, Strategy.ACTIVE)  # noqa: FBT003 - as declared


@pytest.mark.parametrize(
    ("number", "each", "shots", "expected"),
    [
        (None, None, 4096, (32, 128)),
        (None, None, 1000, (16, 64)),
        (None, None, 10_000, (32, 313)),
        (None, None, 1, (1, 64)),
        (10, None, 1001, (10, 101)),
        (None, 100, 1001, (11, 100)),
        (10, 100, 1000, (10, 100)),
        # Shots that a pub asks for are obeyed.
        (10, 100, 50, (10, 5)),
    ],
)
def test_shots_are_shared_out_among_randomizations(
    number: int | None, each: int | None, shots: int, expected: tuple[int, int]
) -> None:
    """The rule of the service's documents."""
    assert twirling(number, each).split(shots) == expected
    assert twirling(number, each, is_on=False).split(shots) == (1, shots)


def test_pec_has_shots_of_its_own() -> None:
    assert Treatment(twirling(None, None), pec=True).split(10_000) == (157, 64)


def test_both_numbers_make_shots_where_nobody_asks_for_others() -> None:
    assert twirling(10, 100).own_shots == 1000
    assert twirling(10, None).own_shots is None
    assert twirling(10, 100, is_on=False).own_shots is None


def refusal(primitive: str = "estimator", level: int | None = None, **fields: Any) -> str:
    """Return the refusal of options by both ends, which is one; empty if they are taken."""
    params: dict[str, Any] = {"options": fields}
    if level is not None:
        params["resilience_level"] = level
    by_runtime = _refusal(lambda: check_combination(primitive, params, "options"))
    options = Options(resilience_level=level, **fields)
    assert _refusal(lambda: options.for_primitive(primitive)) == by_runtime
    return by_runtime


def _refusal(check: Callable[[], Any]) -> str:
    try:
        check()
    except InvalidValueError as error:
        path = str(error.details["path"])
        return error.message if path.startswith("options.resilience") else ""
    return ""


def test_pec_and_zne_exclude_each_other() -> None:
    """Also where the level turns one of them on."""
    both = {"pec_mitigation": True, "zne_mitigation": True}
    assert "both on, and exclude each other" in refusal(resilience=both)
    assert "by resilience_level 2" in refusal(level=2, resilience={"pec_mitigation": True})
    assert not refusal(level=1, resilience={"pec_mitigation": True})
    assert not refusal(level=2, resilience={"pec_mitigation": True, "zne_mitigation": False})


def test_extrapolators_need_noise_factors() -> None:
    assert "needs at least 4" in refusal(resilience={"zne": {"extrapolator": "double_exponential"}})
    assert "empty list" in refusal(resilience={"zne": {"extrapolator": []}})
    two = {"noise_factors": [1, 2], "extrapolator": ["linear", "polynomial_degree_2"]}
    assert "polynomial_degree_2 needs at least 3" in refusal(resilience={"zne": two})


NUMBERS = [1, 2, 3, 4, 5, 8]


def test_the_schema_agrees_about_every_combination() -> None:
    """All extrapolators alone and in pairs, with each number of noise factors; PEC with ZNE."""
    cases: list[dict[str, Any]] = [
        {"zne": {"noise_factors": [1.0 + n for n in range(number)], "extrapolator": chosen}}
        for number in NUMBERS
        for chosen in [
            *EXTRAPOLATORS,
            *(list(pair) for pair in itertools.combinations(EXTRAPOLATORS, 2)),
            [],
        ]
    ]
    # At level 1, which turns none of them on by itself.
    cases += [
        {"pec_mitigation": pec, "zne_mitigation": zne}
        for pec in (True, False)
        for zne in (True, False, None)
    ]
    taken = 0
    for resilience in cases:
        check_options({"resilience": resilience}, ESTIMATOR_OPTIONS)
        try:
            OptionsModel.model_validate({"resilience": resilience})
        except ValidationError:
            assert refusal(level=1, resilience=resilience), resilience
        else:
            assert not refusal(level=1, resilience=resilience), resilience
            taken += 1
    assert 0 < taken < len(cases)
    assert set(FEWEST_NOISE_FACTORS) == set(EXTRAPOLATORS)


def test_what_is_not_simulated_is_named() -> None:
    options = {
        "execution": {"rep_delay": 1e-3, "init_qubits": False},
        "resilience": {
            "pec_mitigation": True,
            "layer_noise_learning": {"max_layers_to_learn": 2},
        },
        "experimental": {"new": 1},
    }
    assert not_simulated("estimator", {"options": options}) == [
        "execution.init_qubits",
        "execution.rep_delay",
        "experimental",
        "resilience.layer_noise_learning",
        "resilience.pec_mitigation",
    ]
    pea = {"resilience": {"zne_mitigation": True, "zne": {"amplifier": "pea"}}}
    assert not_simulated("estimator", {"options": pea}) == ["resilience.zne.amplifier"]
    kerneled = {"execution": {"meas_type": "kerneled"}}
    assert not_simulated("sampler", {"options": kerneled}) == ["execution.meas_type"]


def test_what_says_nothing_is_not_named() -> None:
    ordinary = {
        "execution": {"rep_delay": None, "init_qubits": True, "meas_type": "classified"},
        "experimental": {},
    }
    assert not_simulated("sampler", {"options": ordinary}) == []
    unused = {"resilience": {"layer_noise_learning": {}, "zne": {"amplifier": "pea"}}}
    assert not_simulated("estimator", {"options": unused}) == []
