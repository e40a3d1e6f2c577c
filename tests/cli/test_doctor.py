"""`qrsession doctor`: its options, its envelope and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from qrsession.checkups import surroundings
from qrsession.checkups.surroundings import PythonRun
from qrsession.cli.boundary import run

pytestmark = pytest.mark.fast


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a new home, in which Qiskit is taken to load at once."""

    def run_python(_code: str, _limit_s: float) -> PythonRun:
        return PythonRun(0, "", 0.01)

    whole = surroundings.Surroundings.__init__

    def small(self: surroundings.Surroundings, *arguments: Any, **more: Any) -> None:
        whole(self, *arguments, **{**more, "run_python": run_python})

    monkeypatch.setattr(surroundings.Surroundings, "__init__", small)
    monkeypatch.setenv("QRSESSION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_new_home_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--offline"]) == 0
    out, err = capsys.readouterr()
    head, *rows = (line.split("\t") for line in out.splitlines())
    assert head == ["STATUS", "NAME", "MESSAGE", "ADVICE"]
    assert {row[0] for row in rows} == {"ok", "skipped"}
    assert err == ""


def test_the_envelope_has_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--offline", "--json"]) == 0
    envelope = json.loads(capsys.readouterr().out)
    checks = envelope["data"]["checks"]
    assert {frozenset(check) for check in checks} == {
        frozenset({"group", "name", "status", "message", "advice"})
    }
    assert checks[0]["name"] == "account"
    assert checks[0]["message"] == "local: built in, since none is set up."


def test_what_fails_decides_the_exit_code(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "state").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    (home / "state" / "state.toml").write_text("nonsense")
    assert run(["doctor", "--offline", "--json"]) == 1
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert error["code"] == "storage"
    assert error["message"].startswith("One check failed: ledger. ")
    failures = [one for one in error["details"]["checks"] if one["status"] == "failed"]
    assert [one["name"] for one in failures] == ["ledger"]
    assert len(err.splitlines()) == 2
    # Without --json the table comes first, and the error says what to do.
    assert run(["doctor", "--offline"]) == 1
    out, err = capsys.readouterr()
    assert "failed\tledger\t" in out
    assert err.startswith("error: One check failed: ledger. ")


def test_the_first_of_several_failures_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    monkeypatch.setenv("CI", "1")
    home.write_text("")
    assert run(["doctor", "--offline", "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "no_account"
    assert error["message"].split(": ")[1].startswith("account, state folder, ")


def test_an_account_that_contradicts_is_an_error_of_usage() -> None:
    assert run(["doctor", "--local", "--account", "work"]) == 2
    assert run(["doctor", "--account", ""]) == 2


def test_an_account_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--offline", "--account", "nobody", "--json"]) == 4
    assert "'nobody'" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_details_for_programs_are_not_for_people(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("")
    assert run(["doctor", "--offline", "-v"]) == 1
    assert "details:" not in capsys.readouterr().err
