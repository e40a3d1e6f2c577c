"""The page about options says what the code and the service's schemas say."""

from typing import Any

import pytest
from ibm_quantum_schemas.estimator.version_0_1 import OptionsModel as EstimatorModel
from ibm_quantum_schemas.sampler.version_0_1 import OptionsModel as SamplerModel

from docs.option_notes import NOTES
from docs.options_page import paths
from qrsession.option_tree import ALL
from qrsession.options import Options
from qrsession.protocol.treatment import DEFAULT_LEVEL

pytestmark = pytest.mark.fast

# What one primitive has by default otherwise, as the notes say in words.
SAID_IN_WORDS = {
    ("estimator", "default_shots"),
    ("estimator", "twirling.enable_gates"),
    ("estimator", "twirling.enable_measure"),
}


def flat(document: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found


def test_each_option_has_its_words() -> None:
    assert set(NOTES) == {".".join(path) for path in paths(ALL)}
    assert all(does.endswith(".") for _, does in NOTES.values())


@pytest.mark.parametrize(
    ("name", "model"), [("sampler", SamplerModel), ("estimator", EstimatorModel)]
)
def test_defaults_are_those_of_the_service(name: str, model: Any) -> None:
    compared = 0
    for path, value in flat(model().model_dump(exclude={"simulator", "experimental"})).items():
        default = NOTES[path][0]
        expected = list(value) if isinstance(value, tuple) else value
        if (name, path) not in SAID_IN_WORDS:
            assert default == expected, path
            compared += 1
    assert compared > 10


def test_defaults_of_our_own() -> None:
    assert NOTES["resilience_level"][0] == DEFAULT_LEVEL
    environment = Options().environment
    for name in ("log_level", "private"):
        assert NOTES[f"environment.{name}"][0] == environment[name]
