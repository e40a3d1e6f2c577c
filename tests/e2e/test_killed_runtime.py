"""Each accepted job has one final state, one result and one charge, whenever its runtime dies."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from qrsession.local.config import MOST_ATTEMPTS
from qrsession.protocol import faults
from tests.e2e.conftest import Cli
from tests.e2e.killing import (
    FINAL,
    LIGHT,
    REAL,
    ROOT,
    Book,
    Caller,
    Server,
    customers,
    kill_at_random_moments,
    served,
)
from tests.e2e.programs import wait_for
from tests.sample_circuits import BELL

pytestmark = pytest.mark.timeout(120)

_PAGE = 200
# Clients send more than lanes can run that are killed as soon as they are warm.
_REST_LIMIT_S = 900.0
SEED = 20_261_123


def light(duration_ms: int) -> dict[str, Any]:
    """Return the params of a job that takes so long and simulates nothing."""
    return {"pubs": [["light", None, duration_ms]], "version": 2}


def real(number: int) -> dict[str, Any]:
    """Return the params of a job that Aer runs: so many thousand shots of a Bell circuit."""
    return {"pubs": [[BELL, None, 1000 * number]], "version": 2}


def all_jobs(caller: Caller) -> list[dict[str, Any]]:
    """Return the jobs that the runtime lists, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = caller.get(f"/jobs?limit={_PAGE}&offset={len(found)}&sort=ASC").json()
        found += page["jobs"]
        if len(page["jobs"]) < _PAGE:
            assert len(found) == page["count"]
            return found


def come_to_rest(caller: Caller) -> None:
    """Wait until all jobs have ended, and close all sessions."""
    wait_for(
        lambda: caller.get("/jobs?pending=true&limit=1").json()["count"] == 0,
        _REST_LIMIT_S,
        "the jobs' end",
    )
    # No job is pending, so all that is left are sessions.
    left = f"/workloads?status=pending&status=in_progress&limit={_PAGE}"
    while workloads := caller.get(left).json()["workloads"]:
        for workload in workloads:
            assert caller.delete(f"/sessions/{workload['id']}/close").status_code == 204


def check_told(caller: Caller, book: Book, jobs: list[dict[str, Any]]) -> None:
    """Hold what the clients were told against what the runtime says in the end."""
    assert book.faults == []
    by_id = {job["id"]: job for job in jobs}
    assert len(by_id) == len(jobs)
    assert by_id.keys() >= book.accepted.keys()
    assert {book.accepted[job_id] for job_id in book.accepted} <= book.sent_tags
    tags = Counter(tag for job in jobs for tag in job["tags"])
    # Each tag was sent once, so a second job of one would be nobody's.
    assert set(tags) <= book.sent_tags
    assert max(tags.values()) == 1
    for job_id, tag in book.accepted.items():
        assert by_id[job_id]["tags"] == [tag]
    for job_id, state in book.finals.items():
        assert by_id[job_id]["state"] == state
    assert {by_id[job_id]["state"]["status"] for job_id in book.cancelled} <= {"Cancelled"}
    for job_id, result in book.results.items():
        assert caller.get(f"/jobs/{job_id}/results").content == result


def check_database(
    file: Path, jobs: list[dict[str, Any]], *, is_light: bool
) -> tuple[Counter[str], float, int]:
    """Hold the rows against what the runtime said, and charges against what was used.

    Returns how many jobs ended in which way, the seconds that the instance has used, and how often
    a job was run once more.
    """
    query = (
        "SELECT job_id, status, reason_code, attempts, qpu_s, params, result FROM jobs"
        " JOIN job_params USING (seq) LEFT JOIN job_results USING (seq)"
    )
    charged_query = (
        "SELECT (SELECT total(qpu_s) FROM jobs LEFT JOIN sessions USING (session_id)"
        " WHERE coalesce(mode, 'batch') = 'batch')"
        " + (SELECT total(usage_s) FROM sessions WHERE mode = 'dedicated'),"
        " (SELECT total(used_s) FROM usage_days)"
    )
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute(query).fetchall()
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ((charged_s, used_s),) = database.execute(charged_query)
        ended = "SELECT count(*) FROM sessions WHERE state <> 'closed'"
        assert database.execute(ended).fetchone() == (0,)
    assert {row[0]: row[1] for row in rows} == {job["id"]: job["state"]["status"] for job in jobs}
    for job_id, status, reason_code, attempts, qpu_s, params, result in rows:
        assert status in FINAL
        assert 0 <= attempts <= MOST_ATTEMPTS
        assert (result is not None) == (status == "Completed")
        if result is not None and is_light:
            assert json.loads(result)["metadata"]["job"] == job_id
            assert qpu_s == json.loads(params)["pubs"][0][2] / 1000
        if status == "Failed":
            was_given_up = attempts == MOST_ATTEMPTS and reason_code == faults.JOB_FAILED_TO_RUN
            assert was_given_up or reason_code == faults.SESSION_CLOSED_BEFORE_RUN
    assert charged_s == pytest.approx(used_s, abs=1e-6)
    reruns = sum(attempts - 1 for _, _, _, attempts, *_ in rows if attempts > 1)
    return Counter(row[1] for row in rows), used_s, reruns


def check_all(server: Server, kills: int, longest_s: float, params: Callable[[int], Any]) -> str:
    """Kill a runtime under load, and look at everything that is left in the end."""
    book = Book()
    # Shown where this fails.
    sys.stdout.write(f"seed {SEED}\n")
    with customers(server, book, 4, SEED, params):
        kill_at_random_moments(server, kills, SEED, longest_s)
    caller = Caller(server)
    come_to_rest(caller)
    jobs = all_jobs(caller)
    check_told(caller, book, jobs)
    said_s = caller.get("/instances/usage").json()["usage_consumed_seconds"]
    server.end(signal.SIGTERM)
    numbers, used_s, reruns = check_database(server.database, jobs, is_light=params is light)
    # It is told to the millisecond.
    assert said_s == pytest.approx(used_s, abs=0.001)
    # It was under load and died while jobs ran, or this has shown nothing.
    assert numbers["Completed"] > kills
    assert numbers["Cancelled"] > 0
    assert reruns > 0
    return f"{kills} kills, {len(book.accepted)} accepted, {reruns} reruns, {dict(numbers)}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_no_statement_is_the_wrong_one_to_die_at(tmp_path: Path) -> None:
    """Submission, claim, end, cancel and close, killed at each statement of SQL in turn."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.local.store.dying_books", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # As many as the work has, or it did not do any.
    assert int(done.stdout) > 100


@pytest.mark.deep
def test_ten_kills_lose_nothing(tmp_path: Path, record_property: Any) -> None:
    with served(tmp_path / "data") as server:
        record_property("figures", check_all(server, 10, 0.4, light))


@pytest.mark.deep
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("module", [LIGHT, REAL])
def test_two_hundred_kills_lose_nothing(tmp_path: Path, module: str, record_property: Any) -> None:
    """With lanes that are at once ready, and with lanes that simulate."""
    is_light = module == LIGHT
    with served(tmp_path / "data", module) as server:
        figures = check_all(server, 200, 0.6 if is_light else 4.0, light if is_light else real)
        record_property("figures", figures)


def test_an_interrupted_job_runs_again_three_times_and_then_fails(tmp_path: Path) -> None:
    """Whoever waits is told why; a job behind it, which took part in nothing, runs."""
    with served(tmp_path / "data", workers=1) as server:
        caller = Caller(server)
        job_id = caller.submit(light(60_000)).json()["id"]
        behind = caller.submit(light(1)).json()["id"]
        for number in range(MOST_ATTEMPTS):
            wait_for(
                lambda: caller.state(job_id)["status"] == "Running", what=f"run number {number + 1}"
            )
            server.kill()
            server.start()
        state = caller.wait_final(job_id)
        assert (state["status"], state["reason_code"]) == ("Failed", faults.JOB_FAILED_TO_RUN)
        assert f"{MOST_ATTEMPTS} times" in state["reason"]
        assert caller.wait_final(behind)["status"] == "Completed"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process's files")
def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path: Path) -> None:
    """What cannot be stored is not accepted; what ran meanwhile has its result once it fits."""
    with served(tmp_path / "data", workers=1) as server:
        assert server.process is not None
        caller = Caller(server)
        done = caller.submit(light(1)).json()["id"]
        caller.wait_final(done)
        running = caller.submit(light(300)).json()["id"]
        wait_for(lambda: caller.state(running)["status"] == "Running")
        process = psutil.Process(server.process.pid)
        before = process.rlimit(psutil.RLIMIT_FSIZE)
        log_bytes = server.database.with_name("runtime.sqlite3-wal").stat().st_size
        process.rlimit(psutil.RLIMIT_FSIZE, (log_bytes, before[1]))
        refused = caller.submit(light(1), tags=["refused"])
        assert refused.status_code == 500
        (fault,) = refused.json()["errors"]
        assert fault["code"] == faults.INTERNAL
        assert str(server.database) in fault["message"]
        assert "disk" in fault["solution"]
        assert caller.post(f"/jobs/{running}/cancel").status_code == 500
        # What was stored is read as ever, and the job that has run by now waits to be recorded.
        assert caller.get(f"/jobs/{done}/results").status_code == 200
        wait_for(lambda: "not recorded yet" in server.log(), what="the log's word")
        assert caller.state(running)["status"] == "Running"
        process.rlimit(psutil.RLIMIT_FSIZE, before)
        ended_s = time.monotonic()
        assert caller.wait_final(running)["status"] == "Completed"
        assert time.monotonic() - ended_s < 5
        result = caller.get(f"/jobs/{running}/results").json()
        assert result["metadata"]["job"] == running
        assert caller.get("/jobs?tags=refused").json()["count"] == 0
        assert caller.wait_final(caller.submit(light(1)).json()["id"])["status"] == "Completed"
        assert server.log().count("not recorded yet") == 1
        # What it should write when it starts is that the job which ran is queued again.
        running = caller.submit(light(300)).json()["id"]
        wait_for(lambda: caller.state(running)["status"] == "Running")
        server.kill()
        process_on_full_disk = server.spawn("sh", "-c", 'ulimit -f 1; exec "$@"', "sh")
        assert process_on_full_disk.communicate(timeout=30)[0] == ""
        assert process_on_full_disk.returncode == 1
        assert server.log().endswith("try again; what was accepted before is kept.\n")
        server.start()
        assert caller.wait_final(running)["status"] == "Completed"


def test_a_command_says_what_is_wrong_with_the_database(own_cli: Cli, fresh_home: Path) -> None:
    """Which file, why, and what to do; the file stays what it was."""
    folder = fresh_home / "data" / "local"
    folder.mkdir(parents=True, mode=0o700)
    file = folder / "runtime.sqlite3"
    file.write_bytes(b"no database at all" * 100)
    error = own_cli.error(1, "local", "start")
    assert error["code"] == "storage"
    assert str(file) in error["message"]
    assert "not a database" in error["message"]
    assert "left as it is" in error["advice"]
    assert own_cli.error(1, "open", "--local")["code"] == "storage"
    assert file.read_bytes() == b"no database at all" * 100
    file.unlink()
    own_cli.ok("open", "--local")
