"""What is said of an account when a command uses it."""

import json
from pathlib import Path

import pytest

from qrsession.settings import Settings
from qrsession.verbs.workspace import Workspace

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("verify", "mode", "expected"),
    [
        (True, 0o600, []),
        (False, 0o600, ["Certificates are not checked for the account 'work'."]),
        (True, 0o644, ["was readable by others"]),
    ],
)
def test_what_is_loose_is_said_once(
    tmp_path: Path, verify: bool, mode: int, expected: list[str]
) -> None:
    file = Path.home() / ".qiskit" / "qiskit-ibm.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"work": {"token": "k", "verify": verify}}))
    file.chmod(mode)
    said: list[str] = []
    workspace = Workspace(
        Settings.from_environ({"QRSESSION_HOME": str(tmp_path)}), warn=said.append
    )
    for _ in range(2):
        assert workspace.service("work").account.name == "work"
    assert len(said) == len(expected)
    assert all(part in text for part, text in zip(expected, said, strict=True))
