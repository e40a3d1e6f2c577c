"""Options of a job from a file and from single settings."""

from pathlib import Path

import pytest

from qrsession.errors import InvalidTypeError, InvalidValueError, UnknownOptionError
from qrsession.options import Options
from qrsession.verbs.option_trees import OptionTree, paths_of, read_option_tree, table_of

pytestmark = pytest.mark.fast

FILE = """
optimization_level = 3
resilience_level = 2

[environment]
job_tags = ["mine"]

[resilience.zne]
noise_factors = [1, 3]
amplifier = "gate_folding"
"""


def test_settings_go_over_those_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text(FILE)
    settings = ["resilience.zne.amplifier=pea", "resilience.zne_mitigation=true"]
    settings += ["twirling.num_randomizations = auto", "default_precision=0.5"]
    tree = read_option_tree("estimator", file, settings)
    assert tree.merged() == {
        "optimization_level": 3,
        "resilience_level": 2,
        "environment": {"job_tags": ["mine"]},
        "resilience": {
            "zne": {"noise_factors": [1, 3], "amplifier": "pea"},
            "zne_mitigation": True,
        },
        "twirling": {"num_randomizations": "auto"},
        "default_precision": 0.5,
    }
    assert Options(**tree.merged()).for_primitive("estimator")["default_precision"] == 0.5
    assert tree.chosen("optimization_level", None) == 3
    assert tree.chosen("optimization_level", 0) == 0
    assert tree.without("optimization_level").chosen("optimization_level", None) is None


@pytest.mark.parametrize(
    ("primitive", "setting", "words"),
    [
        ("estimator", "resilience.zne_mitigatoin=true", "Did you mean 'zne_mitigation'?"),
        ("estimator", "resiliance.zne_mitigation=true", "Did you mean 'resilience'?"),
        (
            "sampler",
            "resilience.zne_mitigation=true",
            "options.resilience is an option of the estimator",
        ),
        ("sampler", "resilience_level=1", "options.resilience_level is an option of the est"),
        ("sampler", "optimisation_level=1", "Did you mean 'optimization_level'?"),
        ("sampler", "optimization_level=4", "options.optimization_level is 4"),
        ("sampler", "default_shots=0", "options.default_shots is 0"),
        ("sampler", "default_shots=many", "options.default_shots is 'many'"),
        ("sampler", "twirling=1", "options.twirling must be a table"),
        ("sampler", "environment.log_level=LOUD", "options.environment.log_level is 'LOUD'"),
        ("sampler", "experimental.when=2026-01-01", "cannot be sent"),
        ("sampler", "experimental.x=[1, nan]", "cannot be sent"),
        ("sampler", f"experimental.x=0x{'f' * 5000}", "options.experimental.x is too large"),
        ("sampler", f"default_shots={'9' * 5000}", f"is '{'9' * 99}…; it must be a whole number"),
        ("sampler", f"default_shots=0x{'f' * 5000}", "options.default_shots is too large"),
        ("sampler", f"default_shots=[0x{'f' * 5000}]", "is something too large to be shown"),
        ("sampler", "environment.log_level=0x" + "f" * 5000, "it must be one of"),
        ("sampler", "environment.log_level=[" + "9, " * 5000 + "]", "it must be one of"),
        ("sampler", "default_shots", "sets no option"),
        ("sampler", "=1", "sets no option"),
        ("sampler", "twirling.=1", "sets no option"),
        ("sampler", ".x=1", "sets no option"),
    ],
)
def test_a_wrong_setting_is_told_by_its_path(primitive: str, setting: str, words: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        read_option_tree(primitive, None, [setting])
    assert words in caught.value.message
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    "settings",
    [["default_shots=1", "default_shots=2"], ["twirling=1", "twirling.strategy=all"]],
)
def test_what_is_set_twice_is_told(settings: list[str]) -> None:
    with pytest.raises(InvalidValueError, match="twice"):
        read_option_tree("sampler", None, settings)


def test_a_value_of_several_lines_is_one_value() -> None:
    tree = read_option_tree("sampler", None, ["experimental.a=1\nvalue2 = 2"])
    assert tree.merged() == {"experimental": {"a": "1\nvalue2 = 2"}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"default_shots = ", "it is no TOML"),
        (b"\xff", "no text in UTF-8"),
        (b"a = " + b"[" * 50_000, "TOML|nested too deeply"),
        (b"x" * (2**20 + 1), "more than 1 MiB"),
        (b"default_shots = " + b"9" * 5000, "holds a number that is too long"),
        (b"default_shot = 1", "Did you mean 'default_shots'"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "options.toml"
    file.write_bytes(data)
    with pytest.raises(InvalidValueError, match=words) as caught:
        read_option_tree("sampler", file, [])
    assert caught.value.message.startswith(str(file))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="No such file"):
        read_option_tree("sampler", tmp_path / "options.toml", [])


def test_a_wrong_type_in_a_file_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text('default_shots = "many"')
    with pytest.raises(InvalidTypeError, match=r"options\.toml: options\.default_shots"):
        read_option_tree("sampler", file, [])


def test_every_path_can_be_set() -> None:
    for primitive in ("sampler", "estimator"):
        paths = dict(paths_of(table_of(primitive)))
        assert {"optimization_level", "environment.private"} <= set(paths)
        for path, allowed in paths.items():
            if allowed.kind is bool:
                assert read_option_tree(primitive, None, [f"{path}=false"]).merged()
    assert OptionTree().merged() == {}


def test_an_option_of_the_other_primitive_is_named_as_such() -> None:
    with pytest.raises(UnknownOptionError, match="is an option of the estimator") as caught:
        read_option_tree("sampler", None, ["resilience.zne_mitigation=true"])
    assert caught.value.advice == "Leave it out, or add --primitive estimator."
    assert caught.value.details == {"path": "options.resilience"}
    with pytest.raises(UnknownOptionError, match="There is no option"):
        read_option_tree("sampler", None, ["resilience.zne_mitigaton=true"])
