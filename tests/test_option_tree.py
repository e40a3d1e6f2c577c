"""Options as a tree: set and read as attributes, checked at once, and shared with nobody."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qrsession.errors import InvalidTypeError, InvalidValueError, UnknownOptionError
from qrsession.options import Options

pytestmark = pytest.mark.fast

FACTORS = (1, 3, 5)


def test_options_are_set_and_read_as_attributes() -> None:
    options = Options()
    options.default_shots = 100
    options.optimization_level = 2
    options.twirling.enable_gates = True
    options.resilience.zne.noise_factors = FACTORS
    options.environment.job_tags = ["one"]
    options.dynamical_decoupling = {"enable": True}
    options.execution["rep_delay"] = 0.001
    options.simulator.seed_simulator = 5
    assert options == Options(
        default_shots=100,
        optimization_level=2,
        twirling={"enable_gates": True},
        resilience={"zne": {"noise_factors": FACTORS}},
        environment={"job_tags": ["one"]},
        dynamical_decoupling={"enable": True},
        execution={"rep_delay": 0.001},
        simulator={"seed_simulator": 5},
    )
    assert options.resilience.zne.noise_factors == FACTORS
    assert options.dynamical_decoupling.enable is options.dynamical_decoupling["enable"] is True
    assert options.resilience == {"zne": {"noise_factors": FACTORS}}
    assert repr(options.twirling) == "{'enable_gates': True}"
    assert "twirling={'enable_gates': True}" in repr(options)
    assert "enable_gates" in dir(options.twirling)
    assert "resilience" in dir(options)


def test_what_is_not_set_is_none() -> None:
    options = Options()
    assert options.default_shots is options.resilience.zne.amplifier is None
    assert options.experimental is options.max_execution_time is None
    # Save where this package itself acts on it.
    assert (options.environment.log_level, options.environment.private) == ("WARNING", False)
    assert dict(options.environment) == {}
    assert "enable" not in options.dynamical_decoupling
    assert options.twirling.get("strategy", "all") == "all"
    assert options == Options(optimization_level=None, environment=None)


def test_several_options_are_set_at_once_or_none_of_them() -> None:
    options = Options(default_shots=5, twirling={"enable_gates": True})
    options.update({"twirling": {"strategy": "all"}}, default_shots=6)
    options.twirling.update(enable_measure=False)
    together = {"enable_gates": True, "strategy": "all", "enable_measure": False}
    assert options.to_dict() == {"default_shots": 6, "twirling": together}
    with pytest.raises(InvalidValueError):
        options.update(default_shots=7, twirling={"strategy": "some"})
    assert options.default_shots == 6
    options.twirling = {"strategy": "active"}
    assert options.twirling == {"strategy": "active"}
    del options.twirling.strategy
    del options.default_shots
    assert options == Options()
    options.update(experimental={"one": 1})
    options.update(experimental={"other": 2})
    assert options.for_primitive("sampler") == {"experimental": {"one": 1, "other": 2}}


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (lambda o: setattr(o, "default_shot", 5), UnknownOptionError, "'default_shots'"),
        (lambda o: setattr(o, "optimisation_level", 1), UnknownOptionError, "'optimization_level'"),
        (lambda o: setattr(o.twirling, "enable_gate", 1), UnknownOptionError, "'enable_gates'"),
        (lambda o: o.resilience.zne.noise_factor, UnknownOptionError, "'noise_factors'"),
        (lambda o: o.enviroment, UnknownOptionError, "'environment'"),
        (lambda o: setattr(o.twirling, "enable_gates", 1), InvalidTypeError, "twirling.enable_ga"),
        (lambda o: setattr(o, "twirling", 5), InvalidTypeError, "must be a table"),
        (lambda o: setattr(o.execution, "meas_type", "x"), InvalidValueError, "kerneled"),
        (lambda o: setattr(o, "resilience_level", 3), InvalidValueError, "pec_mitigation=True"),
        (lambda o: setattr(o, "max_execution_time", 0), InvalidValueError, "1 to 10800"),
        (lambda o: setattr(o.environment, "job_tags", ["t"] * 8), InvalidValueError, "at most 7"),
        (lambda o: setattr(o, "experimental", {"image": "x"}), InvalidValueError, "name:tag"),
        (lambda o: o.update({5: 1}), InvalidTypeError, "by name"),
    ],
)
def test_a_mistake_is_told_when_it_is_made(
    write: Callable[[Options], Any], error: type[Exception], words: str
) -> None:
    options = Options(default_shots=5)
    with pytest.raises(error, match=words):
        write(options)
    assert options == Options(default_shots=5)


def test_a_name_that_is_none_is_an_attribute_that_is_not_there() -> None:
    assert not hasattr(Options(), "default_shot")
    assert not hasattr(Options().twirling, "enable_gate")
    assert not hasattr(Options().simulator, "set_backend")


def test_the_other_primitive_is_named() -> None:
    with pytest.raises(InvalidValueError, match=r"sampler has no .*resilience'; the estimator"):
        Options(resilience={"zne_mitigation": True}).for_primitive("sampler")
    with pytest.raises(InvalidValueError, match=r"estimator has no .*meas_type'; the sampler"):
        Options(execution={"meas_type": "kerneled"}).for_primitive("estimator")


def test_no_two_trees_share_anything_that_can_change() -> None:
    given: dict[str, Any] = {"twirling": {"enable_gates": True}, "experimental": {"a": [1]}}
    options = Options(**given)
    given["twirling"]["enable_gates"] = False
    given["experimental"]["a"].append(2)
    assert options.twirling.enable_gates is True
    assert options.experimental == {"a": [1]}
    for twin in (options.copy(), copy.copy(options), copy.deepcopy(options)):
        assert twin == options
        twin.twirling.enable_gates = False
        twin.experimental["a"].append(3)
        assert options.to_dict()["experimental"] == {"a": [1]}
        assert twin != options
    options.to_dict()["twirling"]["enable_gates"] = False
    dict(options.fields["experimental"])["a"] = None
    other = Options()
    other.twirling = options.twirling
    other.twirling.strategy = "all"
    assert options.twirling == {"enable_gates": True}
    assert pickle.loads(pickle.dumps(options)) == options  # noqa: S301 - our own
    assert Options(**options.to_dict()) == options


def test_what_is_no_option_is_shared_as_it_is() -> None:
    """Such as a noise model, which may be large."""
    model = object()
    assert Options(simulator={"noise_model": model}).copy().simulator.noise_model is model


def test_numbers_of_numpy_are_taken() -> None:
    options = Options(default_shots=np.int64(7), default_precision=np.float32(0.5))
    options.resilience.zne.noise_factors = np.array(FACTORS)
    options.resilience.layer_noise_learning.layer_pair_depths = (np.int8(1), np.int8(2))
    assert options.to_dict() == {
        "default_shots": 7,
        "default_precision": 0.5,
        "resilience": {
            "zne": {"noise_factors": [1, 3, 5]},
            "layer_noise_learning": {"layer_pair_depths": (1, 2)},
        },
    }


def test_a_list_that_grew_is_checked_again_before_it_is_sent() -> None:
    options = Options(environment={"job_tags": ["t"] * 7})
    options.environment.job_tags.append("t")
    with pytest.raises(InvalidValueError, match="at most 7"):
        options.to_request("sampler", {}, backend="any")


# What older programs write.


@pytest.mark.parametrize(
    ("older", "today"),
    [
        ({"execution": {"shots": 9, "init_qubits": True}}, {"execution": {"init_qubits": True}}),
        ({"shots": 9}, {}),
    ],
)
def test_older_shots(older: dict[str, Any], today: dict[str, Any]) -> None:
    options = Options(**older)
    assert options == Options(default_shots=9, **today)
    assert options.execution.shots == options.shots == 9


def test_older_transpilation() -> None:
    """What older programs leave at a default that is gone counts for nothing."""
    gone = {"initial_layout": None, "layout_method": None, "skip_transpilation": False}
    options = Options(optimization_level=3, transpilation=gone)
    assert options == Options(optimization_level=3)
    assert options.transpilation.skip_transpilation is False
    options.transpilation.skip_transpilation = True
    assert options.optimization_level is None
    assert Options(transpilation={"optimization_level": 1}).optimization_level == 1


def test_older_resilience_and_environment() -> None:
    options = Options(
        resilience_level=2,
        resilience={"noise_factors": FACTORS, "extrapolator": "QuadraticExtrapolator"},
        job_tags=["one"],
        log_level="DEBUG",
        image="name:tag",
        private=True,
    )
    assert options == Options(
        resilience_level=2,
        resilience={"zne": {"noise_factors": FACTORS, "extrapolator": "polynomial_degree_2"}},
        environment={"job_tags": ["one"], "log_level": "DEBUG", "private": True},
        experimental={"image": "name:tag"},
    )


@pytest.mark.parametrize(
    ("older", "words"),
    [
        ({"transpilation": {"initial_layout": [1]}}, "generate_preset_pass_manager"),
        ({"resilience": {"noise_amplifier": "LocalFoldingAmplifier"}}, r"zne\.amplifier"),
        ({"environment": {"callback": print}}, r"session\.run\(\.\.\., callback"),
        ({"backend": "ibm_any"}, "mode of the primitive"),
        ({"instance": "crn"}, r"RuntimeService\(instance"),
        ({"session_time": "1h"}, r"Session\(max_time"),
        ({"transpilation": 5}, "must be a table"),
        ({"transpilation": {"level": 1}}, "no option 'options.transpilation"),
    ],
)
def test_what_has_no_equal_says_what_to_write(older: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        Options(**older)
