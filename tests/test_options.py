"""`Options`: what is accepted, and what is refused before anything is sent."""

from typing import Any

import pytest

from qrsession.errors import InvalidTypeError, InvalidValueError, UnknownOptionError
from qrsession.options import Options, check_tags

pytestmark = pytest.mark.fast


def test_nothing_given_is_nothing_sent() -> None:
    options = Options()
    assert repr(options) == "Options()"
    assert options.fields == {}
    assert options.for_primitive("sampler") == options.for_primitive("estimator") == {}
    assert options.optimization_level is None
    request = options.to_request("sampler", {}, backend="any")
    assert (request.log_level, request.private, request.tags) == ("WARNING", False, ())


# Options that one primitive alone has, or has with other bounds.
OF_ONE: list[tuple[str, dict[str, Any]]] = [
    ("sampler", {"execution": {"meas_type": "kerneled"}}),
    ("estimator", {"resilience": {"zne_mitigation": True}}),
    ("estimator", {"default_precision": 0.1}),
    ("estimator", {"seed_estimator": 5}),
    ("estimator", {"default_shots": None}),
    ("estimator", {"twirling": {"enable_gates": None}}),
]
OF_BOTH: list[dict[str, Any]] = [
    {"default_shots": 1024},
    {"dynamical_decoupling": {"enable": True, "sequence_type": "XY4"}},
    {"twirling": {"enable_gates": True, "num_randomizations": "auto"}},
    {"execution": {"init_qubits": False, "rep_delay": 0.001}},
    {"simulator": {"seed_simulator": 5, "basis_gates": ["cx"]}},
    {"experimental": {"anything": [1]}},
]


@pytest.mark.parametrize(("primitive", "fields"), OF_ONE)
def test_options_of_one_primitive(primitive: str, fields: dict[str, Any]) -> None:
    options = Options(**fields)
    assert options.for_primitive(primitive) == fields
    with pytest.raises(InvalidValueError):
        options.for_primitive("sampler" if primitive == "estimator" else "estimator")


@pytest.mark.parametrize("fields", OF_BOTH)
def test_options_of_both(fields: dict[str, Any]) -> None:
    options = Options(**fields)
    assert options.for_primitive("sampler") == options.for_primitive("estimator") == fields


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"default_shot": 5}, UnknownOptionError, "Did you mean 'default_shots'"),
        ({"resilience": {"zne": {"noise_factor": [1]}}}, UnknownOptionError, "noise_factors"),
        ({"default_shots": 0}, InvalidValueError, "at least 1"),
        ({"default_shots": "many"}, InvalidTypeError, "whole number"),
        ({"default_precision": -1}, InvalidValueError, "above 0"),
        ({"optimization_level": 4}, InvalidValueError, "0 to 3"),
        ({"optimization_level": -1}, InvalidValueError, "0 to 3"),
        ({"optimization_level": "2"}, InvalidTypeError, "whole number"),
        ({"optimization_level": True}, InvalidTypeError, "whole number"),
        ({"resilience_level": 3}, InvalidValueError, "0 to 2"),
        ({"seed_transpiler": -1}, InvalidValueError, "seed_transpiler"),
        ({"seed_transpiler": 1.5}, InvalidTypeError, "seed_transpiler"),
        ({"max_execution_time": 0}, InvalidValueError, "1 to 10800"),
        ({"max_execution_time": 10801}, InvalidValueError, "1 to 10800"),
        ({"environment": {"log_level": "LOUD"}}, InvalidValueError, "environment.log_level"),
        ({"environment": {"private": 1}}, InvalidTypeError, "environment.private"),
        ({"environment": {"tags": []}}, UnknownOptionError, "environment.tags"),
        ({"environment": {"job_tags": ["t"] * 8}}, InvalidValueError, "at most 7"),
        ({"environment": {"job_tags": "t"}}, InvalidTypeError, "job_tags"),
    ],
)
def test_mistakes(given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words) as caught:
        Options(**given)
    assert caught.type is error


def test_what_stands_for_options() -> None:
    options = Options(default_shots=5)
    assert Options.of(options) is options
    assert Options.of(None).fields == {}
    assert Options.of({"default_shots": 5, "optimization_level": 1}).optimization_level == 1
    others: list[Any] = [5, [], "default_shots", {1: 5}]
    for wrong in others:
        with pytest.raises(InvalidTypeError):
            Options.of(wrong)


@pytest.mark.parametrize("tags", [(), ["a"], ["a" * 86] * 7, ("ä b",)])
def test_tags(tags: Any) -> None:
    assert check_tags(tags) == tuple(tags)


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        (["a"] * 8, InvalidValueError),
        (["a" * 87], InvalidValueError),
        ([""], InvalidValueError),
        ("abc", InvalidTypeError),
        ([5], InvalidTypeError),
        (None, InvalidTypeError),
    ],
)
def test_tags_out_of_bounds(tags: Any, error: type[Exception]) -> None:
    with pytest.raises(InvalidValueError) as caught:
        check_tags(tags)
    assert caught.type is error
