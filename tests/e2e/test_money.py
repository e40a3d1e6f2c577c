"""Money from end to end: usage, idle time, budgets, estimates, and the modes that a plan allows."""

import json
import os
import re
import subprocess
from typing import Any

import pytest

from tests.e2e.conftest import COMMAND, LIMIT_S, Cli
from tests.e2e.programs import ENDLESS_SHOTS, SLOW, wait_for, write
from tests.e2e.test_serve_conditions import serving

OPEN = ("open", "--local", "--backend", "aer_simulator")
RUNS = 8


def test_close_says_what_was_used_and_what_was_idle(cli: Cli) -> None:
    name = cli.data(*OPEN)["session"]["name"]
    cli.ok("run", "@bell", "--quiet")
    status = cli.data("status")["session"]
    assert status["usage_s"] is None
    assert 0 < status["jobs_usage_s"] < status["usage_estimate_s"]
    assert status["idle_s"] == pytest.approx(status["usage_estimate_s"] - status["jobs_usage_s"])
    done = cli.run("close")
    assert re.fullmatch(rf"Closed {name}: [\d.]+ s used, [\d.]+ s of it idle\.\n", done.stderr)
    settled = cli.data("status", name)["session"]
    assert settled["usage_s"] >= status["usage_estimate_s"]
    assert settled["usage_estimate_s"] is None


def test_a_batch_has_no_idle_time(cli: Cli) -> None:
    cli.ok(*OPEN, "--mode", "batch")
    job = cli.data("run", "@bell")["job"]
    session = cli.data("status")["session"]
    assert session["usage_estimate_s"] == session["jobs_usage_s"] == job["usage_s"]
    assert session["idle_s"] is None
    assert "idle" not in cli.run("close").stderr


def test_usage_of_the_instance_and_of_open_sessions(own_cli: Cli) -> None:
    with serving(own_cli.folder, "--plan", "premium", "--usage-limit", "500"):
        own_cli.ok(*OPEN, "--name", "mine")
        own_cli.ok("run", "@bell", "--quiet")
        data = own_cli.data("usage", "--local")
        usage = data["usage"]
        assert usage["plan"] == "premium"
        assert usage["limit_s"] == 500
        assert usage["remaining_s"] == pytest.approx(500 - usage["consumed_s"])
        assert usage["limit_reached"] is False
        assert set(usage["period"]) == {"start", "end"}
        (session,) = data["sessions"]
        assert session["name"] == "mine"
        assert session["usage_estimate_s"] > 0
        every = own_cli.data("usage", "--local", "--all-instances")["usages"]
        assert [one["instance"] for one in every] == [usage["instance"]]
        assert own_cli.error(2, "usage", "--local", "--all-instances", "--instance", "x")


def test_a_used_up_instance_says_what_is_left_and_until_when(own_cli: Cli) -> None:
    with serving(own_cli.folder, "--plan", "open", "--usage-limit", "0.0001"):
        backend = ("--local", "--backend", "aer_simulator")
        own_cli.ok("run", *backend, "@bell", "--quiet")
        error = own_cli.error(9, "run", *backend, "@bell")
        assert error["code"] == "limit_reached"
        assert "0 s left" in error["message"]
        assert "last 28 days" in error["advice"]
        assert error["details"]["remaining_s"] == 0
        assert own_cli.data("usage", "--local")["usage"]["limit_reached"] is True
        own_cli.ok("open", *backend, "--mode", "batch", "--name", "late")
        done = own_cli.run("status", "late", "--json")
        assert "usage limit is reached" in done.stderr
        assert len(json.loads(done.stdout)["data"]["warnings"]) == 1


@pytest.mark.parametrize(("plan", "mode"), [("open", "batch"), ("payg", "dedicated")])
def test_the_mode_that_the_plan_allows(own_cli: Cli, plan: str, mode: str) -> None:
    """One session is opened, of one mode, and the reason for the second choice is said."""
    with serving(own_cli.folder, "--plan", plan):
        done = own_cli.run(*OPEN, "--mode", "auto", "--json", "--once", "key")
        assert json.loads(done.stdout)["data"]["session"]["mode"] == mode
        assert ("opens a batch" in done.stderr) is (mode == "batch")
        assert own_cli.data(*OPEN, "--mode", "auto", "--once", "key")["session"]["mode"] == mode
        listed = own_cli.data("list", "--remote", "--local")
        assert [session["mode"] for session in listed["sessions"]] == [mode]
        assert listed["strangers"] == []
        inside = own_cli.data("status", listed["sessions"][0]["name"])["session"]
        assert inside["mode"] == mode
        command = ("--", str(COMMAND), "status", "--json")
        in_exec = own_cli.ok("exec", "--local", "-b", "aer_simulator", "--mode", "auto", *command)
        assert json.loads(in_exec)["data"]["session"]["mode"] == mode


def test_another_failure_is_no_reason_for_a_batch(own_cli: Cli) -> None:
    with serving(own_cli.folder, "--plan", "payg"):
        own_cli.error(4, "open", "--local", "-b", "ibm_nowhere", "--mode", "auto")
        own_cli.error(2, *OPEN, "--mode", "anything")
        assert own_cli.data("list", "--remote", "--local")["sessions"] == []


def test_a_budget_is_told_kept_and_shown(cli: Cli) -> None:
    done = cli.run(*OPEN, "--budget", "2m", "--name", "frugal", "--json")
    session = json.loads(done.stdout)["data"]["session"]
    assert (session["budget_s"], session["max_time_s"]) == (120, 120)
    assert "120 s" in done.stderr
    cli.ok("run", "@bell", "--max-execution-time", "30", "--quiet")
    data = cli.data("status")
    budget = data["budget"]
    assert (budget["budget_s"], budget["reserved_s"]) == (120, 0)
    assert budget["spent_s"] == data["session"]["usage_estimate_s"]
    assert budget["left_s"] == pytest.approx(120 - budget["spent_s"])
    assert budget["enforced_by_service"] == ["job_cost", "max_time"]
    assert budget["enforced_here"] == ["reservations"]
    assert cli.data("status", "--cached")["budget"]["budget_s"] == 120


@pytest.mark.parametrize("budget", ["0", "-1", "much", "1.5"])
def test_wrong_budgets(cli: Cli, budget: str) -> None:
    assert cli.error(2, *OPEN, f"--budget={budget}")["code"] == "invalid_value"


def test_runs_at_once_never_exceed_the_budget(cli: Cli) -> None:
    """Eight commands want a second each of three; five of them send nothing."""
    slow = write(cli, "slow.qasm", SLOW)
    cli.ok(*OPEN, "--mode", "batch", "--budget", "3", "--name", "shared")
    # Transpiled once, so that all of them come to the reservation at the same time.
    cli.ok("run", slow, "--estimate")
    line = (str(COMMAND), "run", slow, "-s", "shared", "--shots", ENDLESS_SHOTS)
    environ = {**os.environ, **cli.environ}
    commands = [
        subprocess.Popen(
            [*line, "--max-execution-time", "1", "--detach", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environ,
            cwd=cli.folder,
        )
        for _ in range(RUNS)
    ]
    outputs = [command.communicate(timeout=LIMIT_S)[0] for command in commands]
    codes = sorted(command.returncode for command in commands)
    assert codes == [0] * 3 + [9] * 5, outputs
    for output in outputs:
        error = json.loads(output)["error"]
        assert error is None or error["details"]["left_s"] < 1

    def has_ended() -> bool:
        jobs = cli.data("status", "shared")["jobs"]
        return all(job["status"] not in {"Queued", "Running"} for job in jobs)

    wait_for(has_ended, what="the end of the jobs")
    data = cli.data("status", "shared")
    assert len(data["jobs"]) == 3
    # The service ends a job a little after its maximum.
    assert data["session"]["jobs_usage_s"] < 3.5
    assert data["budget"]["reserved_s"] == 0
    assert cli.error(9, "run", "@bell")["code"] == "limit_reached"


def test_an_estimate_says_where_its_numbers_are_from(cli: Cli) -> None:
    cli.ok(*OPEN, "--budget", "3", "--mode", "batch")
    data = cli.data("run", "@bell", "@ghz", "--shots", "1000", "--estimate")
    estimate: dict[str, Any] = data["estimate"]
    assert [one["executions"] for one in estimate["circuits"]] == [1000, 1000]
    assert estimate["total_s"] == pytest.approx(
        estimate["jobs"] * estimate["overhead_s"]
        + sum(
            one["executions"] * (estimate["rep_delay_s"] + one["circuit_s"])
            for one in estimate["circuits"]
        )
    )
    assert estimate["total_s"] == pytest.approx(2.7)
    assert (estimate["budget_left_s"], estimate["fits"]) == (3, True)
    longer = cli.data("run", "@bell", "--shots", "4096", "--estimate")["estimate"]
    assert (longer["fits"], longer["simulated"]) == (False, True)
    alone = cli.data("run", "--local", "-b", "aer_simulator", "@bell", "@ghz", "--estimate")
    assert (alone["estimate"]["fits"], alone["estimate"]["session_id"]) == (None, None)
    separate = cli.data("run", "@bell", "@ghz", "--shots", "1000", "--separate", "--estimate")
    assert separate["estimate"]["total_s"] == pytest.approx(4.7)
    assert "total\t2.7 s\t2 s + " in cli.ok("run", "@bell", "@ghz", "--shots", "1000", "--estimate")
    # Nothing was submitted.
    assert cli.data("status")["jobs"] == []


def test_a_session_whose_time_is_up_says_how_to_go_on(cli: Cli) -> None:
    cli.ok(*OPEN, "--budget", "1", "--name", "brief")
    cli.ok("run", "@bell", "--quiet")
    session_id = cli.data("status", "brief")["session"]["session_id"]
    wait_for(lambda: cli.data("status", session_id)["session"]["state"] == "closed", what="its end")
    error = cli.error(5, "run", "-s", session_id, "@bell")
    assert error["code"] == "session_closed"
    assert error["advice"] == (
        "Open another one: qrsession open --local --backend aer_simulator --budget 1"
    )


def test_a_job_that_its_session_took_along_says_how_to_go_on(own_cli: Cli) -> None:
    slow = write(own_cli, "slow.qasm", SLOW)
    with serving(own_cli.folder):
        own_cli.ok(*OPEN, "--max-time", "10m")
        run = ("run", "--detach", slow, "--shots", ENDLESS_SHOTS)
        running = own_cli.data(*run, "--max-execution-time", "2")["job"]["job_id"]
        queued = own_cli.data(*run)["job"]["job_id"]
        done = own_cli.run("close", "--cancel")
        assert re.match(r"Closing [\w-]+, whose jobs still run", done.stderr)
        error = own_cli.error(7, "result", queued, "--wait", "--quiet")
        assert error["details"]["reason_code"] == 4001
        assert error["advice"].endswith("--backend aer_simulator --max-time 10m")
        ended = own_cli.error(6, "result", running, "--wait", "--quiet")
        assert ended["details"]["reason_code"] == 1305


def test_exec_with_a_budget_sums_up(cli: Cli) -> None:
    command = ("--", str(COMMAND), "run", "--quiet", "@bell")
    cli.ok(
        *("exec", "--local", "-b", "aer_simulator", "--budget", "60", "--summary", "end.json"),
        *command,
    )
    session = json.loads((cli.folder / "end.json").read_text())["data"]["session"]
    assert (session["state"], session["budget_s"], session["max_time_s"]) == ("closed", 60, 60)
    assert session["idle_s"] == pytest.approx(session["usage_s"] - session["jobs_usage_s"])
