"""``env --for``: what it refuses, what it removes, and that its lines are fit for their shell."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from qrsession.cli.boundary import run
from tests.conftest import settings_of

CLIENT = ("env", "--for", "qiskit-ibm-runtime")
NAMES = [
    "QISKIT_IBM_CHANNEL",
    "QISKIT_IBM_TOKEN",
    "QISKIT_IBM_INSTANCE",
    "QISKIT_IBM_URL",
    "IAM_URL",
    "QISKIT_FUNCTIONS_EXPERIMENTAL",
]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("arguments", "account"),
    [
        (("env", "--for", "another"), None),
        (("env", "--for", ""), None),
        (("env", "--local"), None),
        ((*CLIENT, "--session", "mine"), None),
        ((*CLIENT, "--unset", "--format", "dotenv"), None),
        (CLIENT, "ibm-prod"),
    ],
)
def test_what_is_refused(
    arguments: tuple[str, ...],
    account: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With exit code 2, and nothing is started."""
    monkeypatch.setenv("QRSESSION_HOME", str(tmp_path / "home"))
    if account is not None:
        monkeypatch.setenv("QRSESSION_ACCOUNT", account)
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert 0 < len(err.splitlines()) <= 3
    assert not (tmp_path / "home").exists()


@pytest.mark.fast
def test_removing_needs_no_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hosts that the user had named stay without a proxy."""
    monkeypatch.setenv("QRSESSION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "corp.example,127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert run([*CLIENT, "--local", "--unset"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"unset {name}" for name in [*NAMES, "no_proxy"]]
    assert not (tmp_path / "home").exists()


def test_every_shell_gets_the_same(
    fresh_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key once, in the lines alone; a shell evaluates them to what JSON says."""
    monkeypatch.setenv("NO_PROXY", "it's.example")
    monkeypatch.delenv("no_proxy", raising=False)
    assert run([*CLIENT, "--local", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    variables = json.loads(out)
    assert list(variables) == [*NAMES, "NO_PROXY", "no_proxy"]
    assert variables["NO_PROXY"] == variables["no_proxy"] == "it's.example,127.0.0.1"
    key = variables["QISKIT_IBM_TOKEN"]
    assert key not in err
    assert "stays up until" in err
    assert (settings_of(fresh_home).data_dir / "local" / "secret").read_text().strip() == key
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "a-key-of-ibms")
    for shell in ("sh", "fish", "pwsh"):
        assert run([*CLIENT, "--local", "--shell", shell]) == 0
        out, err = capsys.readouterr()
        assert out.count(key) == 1
        assert "QISKIT_IBM_TOKEN had another value" in err
        assert "a-key-of-ibms" not in out + err
        program = shutil.which(shell)
        if program is not None and shell != "pwsh":
            shown = "; ".join(f'printf "%s\\n" "${name}"' for name in variables)
            done = subprocess.run(
                [program, "-c", f"{out}\n{shown}"], capture_output=True, text=True, check=True
            )
            assert done.stdout.splitlines() == list(variables.values())
    assert run([*CLIENT, "-q", "--local", "--format", "github"]) == 0
    out, err = capsys.readouterr()
    assert dict(line.split("=", 1) for line in out.splitlines()) == variables
    assert "stays up" not in err
    assert key not in err
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run([*CLIENT, "-q", "--local", "--format", "github"]) == 0
    assert capsys.readouterr().err == f"::add-mask::{key}\n"
