"""A service that says later, goes away, or keeps another time: what was begun comes to its end."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit

from qrsession import Sampler, Session
from qrsession.local.process import daemon
from qrsession.service import RuntimeService
from tests.conftest import settings_of
from tests.e2e.conftest import Cli
from tests.e2e.programs import wait_for

ON_SIMULATOR = ("--local", "--backend", "aer_simulator")


def start(cli: Cli, *arguments: str, rules: list[dict[str, Any]] | None = None) -> None:
    """Start the local runtime of the command's home under conditions."""
    scenario = cli.folder / "scenario.json"
    scenario.write_text(json.dumps({"rules": rules or []}))
    cli.ok("local", "start", "--scenario", str(scenario), *arguments)


@pytest.mark.deep
def test_a_loop_of_twenty_steps_gets_through_the_limit_of_five_a_minute(
    own_cli: Cli, fresh_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """IBM's limit, on a clock on which a minute takes two seconds."""
    start(own_cli, "--submissions-per-minute", "5", "--clock-rate", "30")
    caplog.set_level(logging.INFO, logger="qrsession")
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with Session(service=RuntimeService("local"), backend="aer_simulator") as session:
        sampler = Sampler(session=session)
        jobs = {sampler.run([circuit], shots=16).job_id() for _ in range(20)}
    assert len(jobs) == 20
    waits = [record for record in caplog.messages if "Too many requests" in record]
    # Fifteen of the twenty must wait for a minute to pass, five at a time.
    assert len(waits) >= 3
    assert not list((fresh_home / "state" / "pending").glob("*.json"))


def test_who_does_not_want_to_wait_for_a_limit_is_told_by_the_exit_code(
    own_cli: Cli, fresh_home: Path
) -> None:
    limit = {"method": "POST", "path": "/jobs", "effect": "answer", "status": 429}
    start(own_cli, rules=[{**limit, "retry_after_s": 1, "times": 4}])
    arguments = ("run", "@bell", *ON_SIMULATOR, "--shots", "16", "--detach")
    assert own_cli.run(*arguments, "--no-wait").returncode == 9
    done = own_cli.run(*arguments, "--timeout", "0.5")
    assert done.returncode == 124, done.stderr
    assert "Nothing was submitted" in done.stderr
    done = own_cli.run(*arguments)
    assert done.returncode == 0
    assert "Too many requests: the job is sent again in 1 s." in done.stderr
    assert not list((fresh_home / "state" / "pending").glob("*.json"))


def test_waiting_outlives_an_outage_and_the_result_is_there(own_cli: Cli) -> None:
    outage = [
        {"method": "GET", "path": "/jobs/{job_id}", "effect": "answer", "status": 503, "times": 7},
        {"method": "GET", "path": "/jobs/{job_id}/results", "effect": "drop", "times": 6},
    ]
    start(own_cli, rules=outage)
    done = own_cli.run("run", "@bell", *ON_SIMULATOR, "--shots", "16", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["pubs"][0]["shots"] == 16
    assert "so does the wait" in done.stderr


def test_a_limit_on_questions_does_not_end_a_wait(own_cli: Cli) -> None:
    limits = {"effect": "answer", "status": 429, "retry_after_s": 0, "times": 6}
    start(own_cli, rules=[{**limits, "method": "GET", "path": "/jobs/{job_id}"}])
    done = own_cli.run("run", "@bell", *ON_SIMULATOR, "--shots", "16")
    assert done.returncode == 0, done.stderr


def test_a_close_that_cannot_be_sent_is_told_listed_and_sent_by_the_next_command(
    own_cli: Cli,
) -> None:
    down = {"method": "PATCH", "path": "/sessions/{session_id}", "effect": "drop", "times": 5}
    start(own_cli, rules=[down])
    session_id = own_cli.ok("open", *ON_SIMULATOR, "--name", "stuck").strip()
    error = own_cli.error(10, "close", "stuck")
    assert session_id in error["message"]
    assert "next command" in error["advice"]
    assert [entry["name"] for entry in own_cli.data("status", "--all", "--cached")["sessions"]] == [
        "stuck"
    ]
    done = own_cli.run("list", "--json")
    assert "is closed now" in done.stderr
    assert json.loads(done.stdout)["data"] == {"sessions": [], "strangers": []}
    assert own_cli.data("close", session_id)["closed"][0]["state"] == "closed"


def test_time_left_is_by_the_clock_of_the_service(own_cli: Cli) -> None:
    """A clock that runs a hundred times as fast is far ahead of this machine's after a while."""
    start(own_cli, "--clock-rate", "100")
    own_cli.ok("open", *ON_SIMULATOR, "--max-time", "2h", "--name", "fast")
    own_cli.ok("run", "@bell", "--shots", "16")

    def is_a_minute_gone() -> bool:
        left_s: float = own_cli.data("status")["session"]["time_left_s"]
        return left_s < 7200 - 60

    # By this machine's clock, it would take a minute.
    wait_for(is_a_minute_gone, limit_s=20, what="the end of a minute")


def test_a_session_whose_reply_is_lost_is_listed_until_it_is_settled(
    own_cli: Cli, fresh_home: Path
) -> None:
    lost = {"method": "POST", "path": "/sessions", "effect": "drop", "when": "after"}
    start(own_cli, rules=[lost])
    done = own_cli.run("open", *ON_SIMULATOR, "--name", "second")
    assert done.returncode == 0, done.stderr
    assert "asked for again" in done.stderr
    listed = own_cli.data("list")
    assert [session["session_id"] for session in listed["sessions"]] == [done.stdout.strip()]
    (stranger,) = listed["strangers"]
    assert stranger["note"] == "perhaps ours: its reply was lost"
    own_cli.ok("adopt", "--local", stranger["session_id"], "--name", "first")
    assert {entry["name"] for entry in own_cli.data("list")["sessions"]} == {"first", "second"}
    assert own_cli.data("list", "--remote", "--local")["strangers"] == []
    own_cli.ok("close", "--all", "--cancel")
    assert daemon.stop(settings_of(fresh_home))


def test_a_submission_in_doubt_is_settled_by_its_tag(own_cli: Cli, fresh_home: Path) -> None:
    """The command that the error names finds the job, or says that there is none."""
    start(own_cli, rules=[{"method": "POST", "path": "/jobs", "effect": "drop", "when": "after"}])
    done = own_cli.run("run", "@bell", *ON_SIMULATOR, "--shots", "16", "--json")
    assert done.returncode == 0, done.stderr
    (intent,) = (fresh_home / "state" / "pending").glob("*.json")
    tag = intent.stem
    job_id = json.loads(done.stdout)["data"]["job"]["job_id"]
    assert own_cli.data("result", tag)["job"]["job_id"] == job_id
    missing = own_cli.error(4, "result", "qrs-" + "a" * 26, "--local")
    assert "was not submitted" in missing["message"]


def test_once_finds_the_job_again_in_another_session(own_cli: Cli) -> None:
    own_cli.ok("open", *ON_SIMULATOR, "--name", "one")
    first = own_cli.data("run", "@bell", "--shots", "16", "--once", "build-7")
    own_cli.ok("close")
    own_cli.ok("open", *ON_SIMULATOR, "--name", "two")
    again = own_cli.data("run", "@bell", "--shots", "16", "--once", "build-7")
    assert again["job"]["job_id"] == first["job"]["job_id"]
    assert again["pubs"] == first["pubs"]
    other = own_cli.data("run", "@bell", "--shots", "17", "--once", "build-7")
    assert other["job"]["job_id"] != first["job"]["job_id"]
    # Sessions likewise, as long as they are open.
    kept = own_cli.ok("open", *ON_SIMULATOR, "--once", "nightly", "--quiet")
    assert own_cli.ok("open", *ON_SIMULATOR, "--once", "nightly", "--quiet") == kept
    error = own_cli.error(2, "open", *ON_SIMULATOR, "--mode", "batch", "--once", "nightly")
    assert "key 'nightly'" in error["message"]
    error = own_cli.error(2, "open", *ON_SIMULATOR, "--name", "other", "--once", "nightly")
    assert "key 'nightly'" in error["message"]
    said = own_cli.run("open", *ON_SIMULATOR, "--once", "nightly").stderr
    assert said.startswith("This key opened it before: ")


def test_one_close_that_fails_keeps_no_other_session_open(own_cli: Cli) -> None:
    ids = {
        name: own_cli.ok("open", *ON_SIMULATOR, "--name", name).strip()
        for name in ("one", "two", "three", "four")
    }
    own_cli.ok("local", "stop")
    refusal = {"method": "PATCH", "effect": "answer", "status": 503, "times": "always"}
    start(own_cli, rules=[{**refusal, "session_id": ids[name]} for name in ("one", "three")])
    done = own_cli.run("close", "--all", "--json")
    assert done.returncode == 10
    error = json.loads(done.stdout)["error"]
    assert error["message"].startswith("Not closed are one, three. ")
    assert error["details"]["closed"] == ["two", "four"]
    assert error["details"]["not_closed"] == ["one", "three"]
    notes = {entry["name"]: entry["note"] for entry in own_cli.data("list")["sessions"]}
    assert notes == dict.fromkeys(("one", "three"), "close not sent yet")
    # A new runtime without these rules: the next command closes what is left.
    own_cli.ok("local", "stop")
    own_cli.ok("list", "--remote", "--local")
    assert own_cli.data("list")["sessions"] == []


def test_who_adopts_again_keeps_the_name(own_cli: Cli) -> None:
    session_id = own_cli.ok("open", *ON_SIMULATOR, "--name", "first").strip()
    assert own_cli.data("adopt", "--local", session_id, "--name", "first")
    error = own_cli.error(2, "adopt", "--local", session_id, "--name", "second")
    assert "'first'" in error["message"]
