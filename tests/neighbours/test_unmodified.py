"""The variables that lead IBM's client to the local runtime, and what they leave alone."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qrsession.local.process import daemon
from qrsession.neighbours.unmodified import ClientVariables, client_variables, variables_to_remove
from qrsession.settings import Settings
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

URL = "http://127.0.0.1:4321"
Found = Callable[[Mapping[str, str]], ClientVariables]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Give the variables for an environment, without a runtime that is really started."""
    until = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
    address = daemon.RuntimeAddress(4321, 2, URL, "1", tmp_path / "log")

    def ensure_kept(_settings: Settings) -> tuple[daemon.RuntimeAddress, float]:
        return address, until

    monkeypatch.setattr(daemon, "ensure_kept", ensure_kept)
    return lambda environ: client_variables(settings_of(tmp_path), environ)


def test_the_variables(found: Found, tmp_path: Path) -> None:
    """A token, an instance and a URL that the client takes as it stands; and no proxy."""
    variables = dict(found({}).variables)
    assert variables.pop("QISKIT_IBM_TOKEN") == daemon.secret_of(settings_of(tmp_path))
    assert variables.pop("QISKIT_IBM_INSTANCE").startswith("crn:v1:bluemix:public:quantum-comput")
    assert variables == {
        "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
        "QISKIT_IBM_URL": f"{URL}/experimental/api/v1",
        "IAM_URL": URL,
        "QISKIT_FUNCTIONS_EXPERIMENTAL": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    assert found({}).kept_until == datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "upper", "lower"),
    [
        ({"NO_PROXY": "corp.example"}, "corp.example,127.0.0.1", "corp.example,127.0.0.1"),
        # Programs that look at the lower one first must not lose the upper one's hosts.
        ({"no_proxy": "a, .b "}, "a,.b,127.0.0.1", "a,.b,127.0.0.1"),
        ({"NO_PROXY": "a", "no_proxy": "b"}, "a,127.0.0.1", "b,127.0.0.1"),
        ({"NO_PROXY": "*"}, "*", "*"),
        ({"NO_PROXY": "127.0.0.1,a"}, "127.0.0.1,a", "127.0.0.1,a"),
        ({"NO_PROXY": "", "no_proxy": " "}, "127.0.0.1", "127.0.0.1"),
    ],
)
def test_hosts_without_a_proxy_are_kept(
    found: Found, before: dict[str, str], upper: str, lower: str
) -> None:
    """By both names, and no host twice, however often the lines are evaluated."""
    variables = found(before).variables
    assert (variables["NO_PROXY"], variables["no_proxy"]) == (upper, lower)
    again = found(variables).variables
    assert (again["NO_PROXY"], again["no_proxy"]) == (upper, lower)


def test_what_is_replaced_is_told(found: Found) -> None:
    """A key of IBM's that the shell had is gone from it, and that must be known."""
    assert found({"QISKIT_IBM_TOKEN": "", "PATH": "/bin"}).replaced == ()
    before = {"QISKIT_IBM_TOKEN": "a-key-of-ibms", "IAM_URL": "https://iam.example"}
    assert found(before).replaced == ("QISKIT_IBM_TOKEN", "IAM_URL")
    assert found(found({}).variables).replaced == ()


def test_what_is_removed(found: Found) -> None:
    """Everything that was set; a list of hosts stays where it has others in it."""
    variables = found({}).variables
    assert set(variables_to_remove(variables)) == set(variables)
    hosts = {"NO_PROXY": "corp.example,127.0.0.1", "no_proxy": "127.0.0.1"}
    removed = variables_to_remove(hosts)
    assert "NO_PROXY" not in removed
    assert "no_proxy" in removed


def test_the_key_is_not_in_a_repr(found: Found) -> None:
    """It is in the lines that were asked for, and nowhere else."""
    variables = found({})
    assert variables.variables["QISKIT_IBM_TOKEN"] not in repr(variables)
