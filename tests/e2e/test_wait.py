"""Waiting for jobs from the shell: which end decides, its exit code, and taking it up again."""

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from qrsession.local.process import daemon
from qrsession.service import RuntimeService
from qrsession.testing.control import Control
from qrsession.waiting.events import (
    JobStatusSeen,
    JobSubmitted,
    ResultKept,
    SessionStateSeen,
    read_event,
)
from tests.conftest import settings_of
from tests.e2e.conftest import COMMAND, Cli
from tests.e2e.programs import wait_for

pytestmark = pytest.mark.timeout(120)

LONG_S = 300
Play = Callable[..., None]


@pytest.fixture
def play(shared_home: Path) -> Iterator[Play]:
    """Return what says how the next jobs of the shared runtime go, one after another."""
    service = RuntimeService("local")
    url = service.client.transport.endpoint.base_url
    key = (shared_home / "data" / "local" / "secret").read_text().strip()
    control = Control(lambda: url.removesuffix("/api/v1"), lambda: key)

    def add(*rules: dict[str, Any]) -> None:
        control._add(jobs=list(rules))

    yield add
    control.restore()


def submit(cli: Cli, number: int) -> list[str]:
    """Submit jobs that nobody waits for, and return their ids."""
    return cli.ok("run", "--separate", "-dq", *["@bell"] * number, "--shots", "8").split()


@contextmanager
def started(cli: Cli, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Run a command meanwhile."""
    with subprocess.Popen(
        [COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cli.folder,
        env={**os.environ, **cli.environ},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said_of(process: "subprocess.Popen[str]", number: int) -> None:
    """Wait until a command has said so many lines on stderr."""
    assert process.stderr is not None
    for _ in range(number):
        assert process.stderr.readline()


@pytest.mark.usefixtures("session")
def test_each_end_has_its_exit_code(cli: Cli, play: Play) -> None:
    failed = {"outcome": "failed", "reason": "It broke.", "code": 1517}
    play({"run_s": LONG_S}, failed, {"outcome": "cancelled"}, {"run_s": 0.1})
    slow, broken, cancelled, quick = submit(cli, 4)
    first = cli.run("wait", slow, quick, "--any", "--timeout", "30")
    assert (first.returncode, first.stdout) == (0, f"{quick}\tCompleted\n")
    done = cli.data("wait", quick, "--timeout", "0")
    assert done["job"]["job_id"] == quick
    assert done["pubs"][0]["shots"] == 8
    error = cli.error(7, "wait", "-q", cancelled, quick)
    assert error["code"] == "job_cancelled"
    assert [job["status"] for job in error["details"]["jobs"]] == ["Cancelled", "Completed"]
    error = cli.error(6, "wait", "-q", cancelled, broken, slow, quick, "--fail-fast")
    # Cancelled comes before failed here only in the order of names.
    assert error["message"].endswith(f"Job {broken} failed: It broke (code 1517).")
    late = cli.run("wait", slow, quick, "--timeout", "0.3")
    assert late.returncode == 124
    assert dict(line.split("\t") for line in late.stdout.splitlines()) == {
        slow: "Running",
        quick: "Completed",
    }
    assert late.stderr.splitlines()[-1].endswith(f"qrsession wait {slow}")
    ended = cli.error(124, "wait", "-q", slow, "--timeout", "0", "--on-timeout", "cancel")
    assert ended["details"]["job_ids"] == [slow]
    assert cli.run("wait", slow[:-1], "--timeout", "20").returncode == 7


def test_a_session_is_waited_for_with_all_that_is_left_of_it(
    cli: Cli, session: str, play: Play
) -> None:
    play({"run_s": 0.3}, {"run_s": 0.2})
    ids = submit(cli, 2)
    found = cli.data("wait", "-s", session, "--timeout", "30")
    assert [job["job_id"] for job in found["jobs"]] == ids
    assert all(job["pubs"] for job in found["jobs"])
    assert cli.data("wait", "-s", session) == {"jobs": []}
    assert cli.error(4, "wait", "nobody", "--local")["code"] == "job_not_found"


@pytest.mark.usefixtures("session")
def test_a_job_that_fails_hides_no_result_of_the_others(cli: Cli, play: Play) -> None:
    play({"outcome": "failed", "run_s": 0.1}, {"run_s": 0.3})
    error = cli.error(6, "run", "-q", "--separate", "@bell", "@ghz", "--timeout", "30")
    failed, completed = error["details"]["jobs"]
    assert (failed["status"], completed["status"]) == ("Failed", "Completed")
    assert f"qrsession result {completed['job_id']}" in error["advice"]
    assert cli.data("result", completed["job_id"])["pubs"][0]["shots"] == 4096


@pytest.mark.usefixtures("session")
def test_what_was_printed_takes_the_wait_up_again(cli: Cli, play: Play) -> None:
    play({"run_s": 1.0}, {"run_s": LONG_S})
    ids = submit(cli, 2)
    with started(cli, "wait", *ids, "--any", "--json") as process:
        said_of(process, 2)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    error = json.loads(stdout)["error"]
    assert error["message"] == "Interrupted; 2 jobs go on."
    printed = error["advice"].partition(": ")[2]
    assert printed == f"qrsession wait {ids[0]} {ids[1]} --any"
    taken_up = cli.data(*shlex.split(printed)[1:])
    assert taken_up["decided_by"] == ids[0]
    assert cli.run("wait", ids[1], "--timeout", "0", "--on-timeout", "cancel").returncode == 124


@pytest.mark.usefixtures("session")
def test_a_wait_that_was_stopped_past_its_deadline_sees_what_ended_meanwhile(
    cli: Cli, play: Play
) -> None:
    """As after the sleep of a laptop; one that has not ended is timed out at once."""
    play({"run_s": 0.6})
    (job_id,) = submit(cli, 1)
    with started(cli, "wait", job_id, "--timeout", "1") as process:
        said_of(process, 1)
        process.send_signal(signal.SIGSTOP)
        service = RuntimeService("local")
        service.job(job_id).wait_for_final_state(30)
        stopped_until = service.now().timestamp() + 1
        wait_for(lambda: service.now().timestamp() > stopped_until, what="the deadline")
        process.send_signal(signal.SIGCONT)
        stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (0, f"{job_id}\tCompleted\n"), stderr


def test_events_tell_all_of_it_and_end_with_the_envelope(cli: Cli, session: str) -> None:
    lines = cli.ok("run", "--separate", "@bell", "@ghz", "--shots", "8", "--events").splitlines()
    *documents, envelope = map(json.loads, lines)
    assert envelope["status"] == "ok"
    ids = [job["job_id"] for job in envelope["data"]["jobs"]]
    events = [read_event(document) for document in documents]
    assert [one.job_id for one in events if isinstance(one, JobSubmitted)] == ids
    assert {one.job_id for one in events if isinstance(one, ResultKept)} == set(ids)
    for job_id in ids:
        seen = [one for one in events if isinstance(one, JobStatusSeen) and one.job_id == job_id]
        assert (seen[0].before, seen[-1].after) == (None, "Completed")
        assert all(one.after == two.before for one, two in pairwise(seen))
    assert all(document["time"].endswith("Z") for document in documents)
    refused = cli.run("wait", "--events", "--nope")
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"] == "usage"
    assert session


def test_a_session_is_watched_until_it_is_closed(cli: Cli, session: str) -> None:
    late = cli.run("status", session, "--watch", "--timeout", "0")
    assert late.returncode == 124
    assert session in late.stdout
    with started(cli, "status", session, "--watch", "--events") as process:
        assert process.stdout is not None
        first = read_event(json.loads(process.stdout.readline()))
        cli.ok("close", session)
        rest, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    *documents, envelope = map(json.loads, rest.splitlines())
    last = read_event(documents[-1])
    assert isinstance(first, SessionStateSeen)
    assert isinstance(last, SessionStateSeen)
    assert (first.before, first.after, last.before, last.after) == (None, "open", "open", "closed")
    assert envelope["data"]["session"]["state"] == "closed"


def test_who_has_seen_enough_ends_a_watch_without_words(cli: Cli, session: str) -> None:
    with started(cli, "status", session, "--watch") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, "")


@pytest.mark.deep
def test_a_wait_outlives_its_runtime(own_cli: Cli, fresh_home: Path) -> None:
    """It is killed under several waits, and whoever waits starts it again."""
    on_simulator = ("--local", "--backend", "aer_simulator")
    scenario = own_cli.folder / "scenario.json"
    scenario.write_text(json.dumps({"jobs": [{"run_s": 60, "times": "always"}]}))
    own_cli.ok("local", "start", "--scenario", str(scenario))
    own_cli.ok("open", *on_simulator, "--name", "it")
    ids = submit(own_cli, 12)
    with (
        started(own_cli, "wait", *ids, "--events") as waiting,
        started(own_cli, "status", "it", "--watch", "--timeout", "60") as watching,
    ):
        said_of(waiting, len(ids))
        assert watching.stdout is not None
        assert watching.stdout.readline()
        runtime = own_cli.data("local", "status")["runtime"]
        os.kill(runtime["pid"], signal.SIGKILL)
        stdout, stderr = waiting.communicate(timeout=90)
        own_cli.ok("close", "it")
        watching.communicate(timeout=60)
    assert waiting.returncode == 0, stderr
    assert watching.returncode == 0
    envelope = json.loads(stdout.splitlines()[-1])
    assert [job["job_id"] for job in envelope["data"]["jobs"]] == ids
    assert not re.search("Traceback", stderr)
    assert daemon.stop(settings_of(fresh_home))


def test_several_sessions_drain_until_one_time(cli: Cli, session: str, play: Play) -> None:
    """All that have not are named, whichever was looked at first; Ctrl-C closes none less."""
    other = cli.ok("open", "--local", "-b", "aer_simulator", "--name", "other", "-q").strip()
    play({"queue_s": LONG_S}, {"queue_s": LONG_S})
    for one in (session, other):
        cli.ok("run", "-s", one, "-dq", "@bell", "--shots", "8")
    with started(cli, "close", other, "--wait", "-v") as process:
        client = RuntimeService("local").client
        wait_for(lambda: not client.get_session(other).accepting_jobs, what="the close")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    if "drains on" not in stderr:
        # It came before the wait.
        assert "Interrupted." in stderr
    error = cli.error(124, "close", "-q", session, other, "--wait", "--timeout", "0.2")
    first = cli.data("status", session)["session"]["name"]
    assert error["message"].startswith(f"Not drained are {first}, other.")
    assert error["details"]["not_drained"] == [first, "other"]
    # Closed they are already, but what is left of them can be dropped still.
    closed = cli.data("close", session, other, "--cancel", "--wait", "--timeout", "30")["closed"]
    assert [one["state"] for one in closed] == ["closed", "closed"]
