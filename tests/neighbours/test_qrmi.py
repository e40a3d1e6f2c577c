"""The variables of QRMI: those of a session, with nothing of the key where nobody asked for it."""

import json
import shutil
import subprocess
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qrsession.cli.boundary import run
from qrsession.errors import InvalidValueError
from qrsession.money.budgets import Budget
from qrsession.money.purse import Purse
from qrsession.neighbours.qrmi import qrmi_variables, variables_to_remove
from qrsession.settings import Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger
from tests.conftest import settings_of

KEY = "a-key-of-nobody-50%"
CRN = "crn:v1:bluemix:public:quantum-computing:eu-de:a/0123:4567::"
ENTRY = SessionEntry(
    name="mine",
    session_id="5a6d4397-42c6-4dc6-969a-b1c90286a715",
    backend="ibm_fez",
    mode="batch",
    account="work",
    opened_at=datetime(2026, 1, 31, tzinfo=UTC),
    instance=CRN,
    max_time_s=7200,
)
PREFIX = "ibm_fez_QRMI_IBM_QCS_"
EXPECTED = {
    "QRMI_JOB_QPU_RESOURCES": "ibm_fez",
    "QRMI_JOB_QPU_TYPES": "ibm-quantum-compute-service",
    f"{PREFIX}ENDPOINT": "https://eu-de.quantum.cloud.ibm.com/api/v1",
    f"{PREFIX}IAM_ENDPOINT": "https://iam.cloud.ibm.com",
    f"{PREFIX}IAM_APIKEY": KEY,
    f"{PREFIX}SERVICE_CRN": CRN,
    f"{PREFIX}SESSION_ID": ENTRY.session_id,
    f"{PREFIX}SESSION_MODE": "batch",
    f"{PREFIX}SESSION_MAX_TTL": "7200",
    f"{PREFIX}TIMEOUT_SECONDS": "7200",
}
FOR = ("env", "--for", "qrmi", "-s", "mine")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Save an account of IBM's, and enter a session of it. Nobody is asked for either."""
    home = tmp_path / "home"
    monkeypatch.setenv("QRSESSION_HOME", str(home))
    file = Path.home() / ".qiskit" / "qiskit-ibm.json"
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o600)
    file.write_text(json.dumps({"work": {"channel": "ibm_quantum_platform", "token": KEY}}))
    settings = replace(settings_of(home), accounts_file=file)
    Ledger(settings).add(ENTRY)
    return settings


@pytest.mark.fast
def test_variables_of_a_session_at_ibm(settings: Settings) -> None:
    found = qrmi_variables(ENTRY, settings, pytest.fail)
    assert found.variables == EXPECTED
    assert KEY not in repr(found)
    long = replace(ENTRY, max_time_s=28_800)
    assert qrmi_variables(long, settings, pytest.fail).timeout_s == 10_800
    untold = qrmi_variables(replace(ENTRY, max_time_s=None), settings, pytest.fail).variables
    assert f"{PREFIX}SESSION_MAX_TTL" not in untold


@pytest.mark.fast
def test_a_job_may_use_no_more_than_the_budget(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Purse(settings.state_dir, ENTRY.session_id).open(Budget(ENTRY.session_id, "batch", 60, 12.5))
    assert run([*FOR, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[f"{PREFIX}TIMEOUT_SECONDS"] == "47"
    assert "QRMI's jobs are not held to the budget of mine together" in err


@pytest.mark.fast
@pytest.mark.parametrize("backend", ["ibm-fez", "1_fez", "fez;rm", "fézé", None])
def test_names_that_no_variable_can_have(settings: Settings, backend: str | None) -> None:
    with pytest.raises(InvalidValueError):
        qrmi_variables(replace(ENTRY, backend=backend), settings, pytest.fail)


@pytest.mark.fast
@pytest.mark.parametrize("syntax", ["dotenv", "github", "json"])
def test_files_of_variables(
    settings: Settings, syntax: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings.state_file.exists()
    assert run([*FOR, "--format", syntax]) == 0
    out, err = capsys.readouterr()
    pairs = [line.partition("=") for line in out.splitlines()]
    found = json.loads(out) if syntax == "json" else {name: value for name, _, value in pairs}
    assert found == EXPECTED
    assert KEY not in err


@pytest.mark.parametrize("shell", ["sh", "fish"])
def test_shells_read_what_is_written(
    settings: Settings, shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And `--unset` takes away what they read, and nothing else."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    assert settings.state_file.exists()
    assert run([*FOR, "--shell", shell]) == 0
    lines = capsys.readouterr().out
    done = subprocess.run(
        [program, "-c", f"{lines}\nenv"], capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "QRMI" in line)
    assert found == EXPECTED


@pytest.mark.fast
def test_github_masks_the_key_before_it_is_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a step alone: elsewhere the line would show what it is to hide."""
    assert settings.state_file.exists()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run([*FOR, "--format", "github", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == "::add-mask::a-key-of-nobody-50%25\n"
    assert f"{PREFIX}IAM_APIKEY={KEY}\n" in out
    assert run([*FOR, "--format", "dotenv"]) == 0
    assert "mask" not in capsys.readouterr().err


@pytest.mark.fast
def test_removing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an administrator set for another resource stays; no session need be open."""
    Ledger(settings).remove([ENTRY.session_id])
    assert run(["env", "--for", "qrmi", "--unset"]) == 0
    assert capsys.readouterr() == ("", "No variables of QRMI are set here for a session.\n")
    of_cluster = {"ibm_site_QRMI_IBM_QCS_ENDPOINT": "x", "ibm_site_QRMI_IBM_QCS_IAM_APIKEY": "y"}
    for name, value in {**EXPECTED, **of_cluster}.items():
        monkeypatch.setenv(name, value)
    assert run(["env", "--for", "qrmi", "--unset"]) == 0
    removed = capsys.readouterr().out.splitlines()
    assert sorted(removed) == sorted(f"unset {name}" for name in EXPECTED)
    environ = {**EXPECTED, "QRMI_JOB_QPU_RESOURCES": "ibm_fez,ibm_site"}
    kept = set(environ) - set(variables_to_remove(environ, ENTRY.session_id[:8]))
    assert kept == {"QRMI_JOB_QPU_RESOURCES", "QRMI_JOB_QPU_TYPES"}
    assert variables_to_remove(EXPECTED, "another") == ()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--local",), 2),
        (("-s", "nobody"), 4),
        (("-s", ""), 2),
        (("--unset", "--format", "json"), 2),
    ],
)
def test_what_is_refused(
    settings: Settings, arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings.state_file.exists()
    assert run(["env", "--for", "qrmi", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert KEY not in err
    assert tomllib.loads(settings.state_file.read_text())["current"] == "mine"


def test_the_local_runtime_takes_what_is_written(
    shared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Its key gives a token where IAM is said to be, and the session is there at the endpoint."""
    import requests  # noqa: PLC0415 - of this test alone

    assert shared_home.is_dir()
    monkeypatch.setenv("QRSESSION_STATE", str(tmp_path / "ledger" / "state.toml"))
    assert run(["open", "--local", "-b", "aer_simulator", "--quiet"]) == 0
    session_id = capsys.readouterr().out.strip()
    assert run(["env", "--for", "qrmi", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    of = {name.removeprefix("aer_simulator_QRMI_IBM_QCS_"): found[name] for name in found}
    with requests.Session() as http:
        http.trust_env = False
        token = http.post(
            f"{of['IAM_ENDPOINT']}/identity/token",
            data={
                "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
                "apikey": of["IAM_APIKEY"],
            },
            timeout=30,
        ).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Service-CRN": of["SERVICE_CRN"]}
        reply = http.get(
            f"{of['ENDPOINT']}/sessions/{of['SESSION_ID']}", headers=headers, timeout=30
        ).json()
    assert reply["id"] == session_id
    assert (reply["mode"], str(reply["max_ttl"])) == (of["SESSION_MODE"], of["SESSION_MAX_TTL"])
    assert run(["close"]) == 0
