"""Jobs by their verbs: listed, cancelled, their logs read; and sessions chosen and forgotten."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qrsession.local.process import daemon
from qrsession.settings import Settings
from qrsession.state.records import Records
from qrsession.testing.control import Control
from qrsession.verbs.finding import find_jobs
from qrsession.verbs.workspace import Workspace
from tests.conftest import settings_of, stop_runtime
from tests.e2e.conftest import Cli

pytestmark = pytest.mark.timeout(120)

BACKEND = "aer_simulator"
OPEN = ("open", "--local", "--backend", BACKEND, "--quiet")
DETACHED = ("run", "@bell", "--shots", "5", "--quiet", "--detach")
ROW = {"job_id", "primitive", "status", "created", "usage_s", "tags", "session_id", "backend"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a home whose records these tests share, and whose runtime they make stand still."""
    home = tmp_path_factory.mktemp("jobs")
    yield home
    stop_runtime(settings_of(home))


@pytest.fixture
def here(home: Path, tmp_path: Path) -> Cli:
    """Return the command in that home, with a ledger of this test's own."""
    folder = tmp_path / "work"
    folder.mkdir()
    state = str(tmp_path / "ledger" / "state.toml")
    return Cli(folder, {"QRSESSION_HOME": str(home), "QRSESSION_STATE": state})


@pytest.fixture
def control(home: Path, here: Cli) -> Iterator[Control]:
    """Return the control of the home's runtime; nothing goes wrong when the test has ended."""
    here.ok("local", "start")
    settings = settings_of(home)
    address = daemon.find(settings)
    assert address is not None
    control = Control(lambda: address.url, lambda: daemon.secret_of(settings))
    yield control
    control.restore()


def submit(cli: Cli, session: str, *options: str) -> str:
    """Submit a job that nobody waits for, and return its id."""
    return cli.ok(*DETACHED, "-s", session, *options).strip()


def ids(data: dict[str, Any]) -> list[str]:
    return [job["job_id"] for job in data["jobs"]]


def test_jobs_of_a_session(here: Cli, control: Control) -> None:
    """As `status` has them, newest first, in the state that they are in; filters and a limit."""
    session = here.ok(*OPEN).strip()
    ended = here.data("run", "@bell", "--shots", "5", "--tag", "nightly")["job"]["job_id"]
    control.pause(BACKEND)
    waiting = [submit(here, session, "--tag", "nightly", "--tag", "b"), submit(here, session)]
    newest_first = [*reversed(waiting), ended]
    data = here.data("jobs")
    assert ids(data) == newest_first == ids(here.data("status"))
    assert data["session"]["session_id"] == session
    assert all(set(job) == ROW and job["session_id"] == session for job in data["jobs"])
    assert [job["status"] for job in data["jobs"]] == ["Queued", "Queued", "Completed"]
    for options, expected in (
        (("--status", "pending"), newest_first[:2]),
        (("--status", "completed", "--status", "failed"), [ended]),
        (("--tag", "nightly"), newest_first[1:]),
        (("--tag", "nightly", "--tag", "b"), [waiting[0]]),
        (("--backend", "ibm_nowhere"), []),
        (("--limit", "2"), newest_first[:2]),
    ):
        assert ids(here.data("jobs", *options)) == expected, options
    assert here.run("jobs", "-n", "2").stderr == (
        "Older ones are left out; to see more: --limit 20.\n"
    )
    head, *rows = here.ok("jobs", "--status", "queued").splitlines()
    assert head == "JOB\tPRIMITIVE\tSTATUS\tCREATED\tUSAGE\tTAGS"
    assert [row.split("\t")[0] for row in rows] == waiting[::-1]
    here.ok("cancel", "--all")
    here.ok("close")
    assert ids(here.data("jobs", "-s", session)) == newest_first


def test_all_jobs_that_are_known_here(here: Cli, control: Control) -> None:
    """Of every session and of none; what ended is kept, so that `--cached` knows it afterwards."""
    control.pause(BACKEND)
    first = here.ok(*OPEN, "--name", "one").strip()
    second = here.ok(*OPEN, "--name", "two").strip()
    jobs = [submit(here, first), submit(here, second)]
    alone = here.ok(*DETACHED, "--local", "--backend", BACKEND).strip()
    listed = here.data("jobs", "--all", "--limit", "3")
    assert listed["session"] is None
    assert ids(listed) == [alone, *reversed(jobs)]
    assert [job["session_id"] for job in listed["jobs"]] == [None, second, first]
    assert ids(here.data("jobs", "--no-session", "-n", "1")) == [alone]
    # At the service, behind the back of our records.
    control.restore()
    here.ok("close", "one", "two", "--cancel", "--wait", "--timeout", "30")
    unseen = here.data("jobs", "--all", "--cached", "-n", "3")["jobs"]
    assert {job["status"] for job in unseen} <= {"Unknown", "Queued"}
    here.ok("result", alone, "--wait", "--timeout", "60")
    seen = here.run("jobs", "--limit", "3")
    assert seen.stderr.startswith("No session is open; these are all jobs that are known here.\n")
    ends = {row.split("\t")[0]: row.split("\t")[4] for row in seen.stdout.splitlines()[1:]}
    assert set(ends) == {alone, *jobs}
    assert ends[alone] == "Completed"
    assert set(ends.values()) <= {"Completed", "Cancelled", "Failed"}
    kept = {one["job_id"]: one["status"] for one in here.data("jobs", "--all", "--cached")["jobs"]}
    assert {job: kept[job] for job in ends} == ends


def test_a_service_that_is_out_of_reach_hides_no_job(here: Cli, home: Path) -> None:
    """They are shown as they were last seen, and that is said once."""
    known = here.ok("run", "@bell", "--local", "-b", BACKEND, "--quiet", "-d").strip()
    records = Records(settings_of(home).state_dir)
    entry = records.find_job(known)
    lost = replace(entry, job_id="lost-job", account="gone", backend="ibm_gone")
    records.add_job(lost)
    done = here.run("jobs", "--all", "--backend", "ibm_gone")
    assert done.returncode == 0
    assert "lost-job" in done.stdout
    assert "Jobs of the account gone are shown as they were last seen." in done.stderr
    assert here.run("jobs", "--all", "--cached", "--backend", "ibm_gone").stderr == ""


def test_cancel_by_name(here: Cli, control: Control) -> None:
    """By `@last`, by the beginning of an id, several; one that has ended is said, and no error."""
    session = here.ok(*OPEN).strip()
    ended = here.data("run", "@bell", "--shots", "5")["job"]["job_id"]
    control.pause(BACKEND)
    first, second, third = (submit(here, session) for _ in range(3))
    unknown = here.error(4, "cancel", first, "no-such-job", "--local")
    assert unknown["code"] == "job_not_found"
    assert [job["status"] for job in here.data("jobs", "-n", "3")["jobs"]] == ["Queued"] * 3

    done = here.run("cancel", "@last")
    assert (done.returncode, done.stdout) == (0, f"{third}\n")
    assert done.stderr == f"Job {third} is cancelled.\n"
    data = here.data("cancel", third, first[:-1], ended, first)["cancelled"]
    row = {"session_id": session, "status": "Cancelled"}
    assert data == [
        {"job_id": third, **row, "had_ended": True},
        {"job_id": first, **row, "had_ended": False},
        {"job_id": ended, **row, "status": "Completed", "had_ended": True},
    ]
    again = here.run("cancel", first, ended)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == (
        f"Job {first} was cancelled already.\nJob {ended} had ended: Completed.\n"
    )
    assert here.error(7, "result", first)["code"] == "job_cancelled"
    assert here.data("jobs", "--cached", "--status", "cancelled")["jobs"][0]["job_id"] == third
    assert here.ok("cancel", second).strip() == second


def test_cancel_all_of_a_session(here: Cli, control: Control) -> None:
    """Those of no other; the session takes more jobs, and what its budget had reserved is free."""
    control.pause(BACKEND)
    session = here.ok(*OPEN, "--budget", "100", "--name", "dear").strip()
    other = here.ok(*OPEN, "--name", "other").strip()
    jobs = [submit(here, session), submit(here, session)]
    kept = submit(here, other)
    assert here.data("status", "dear", "--cached")["budget"]["reserved_s"] > 0
    assert here.ok("cancel", "--session", "dear").split() == jobs[::-1]
    assert here.data("status", "dear", "--cached")["budget"]["reserved_s"] == 0
    assert here.run("cancel", "--all", "-s", "dear").stderr == (
        "No job of the session is left to be cancelled.\n"
    )
    assert here.data("jobs", "-s", "other")["jobs"][0]["status"] == "Queued"
    assert here.data("cancel", "-s", "other")["cancelled"][0]["job_id"] == kept
    submit(here, session)
    here.ok("close", "--all", "--cancel")


@pytest.mark.parametrize("arguments", [[], ["@last", "--all"], ["", "-s", "x"], ["x", "-s", ""]])
def test_cancel_wants_to_know_what(here: Cli, arguments: list[str]) -> None:
    """An empty variable of a script cancels nothing else."""
    assert here.error(2, "cancel", *arguments)["code"] == "usage"


def test_one_that_cannot_be_cancelled_keeps_no_other(here: Cli, control: Control) -> None:
    """Each is tried; the error says which are, and which are not."""
    control.pause(BACKEND)
    session = here.ok(*OPEN).strip()
    first, second = submit(here, session), submit(here, session)
    control.fail_next_request(400, path=f"/jobs/{first}/cancel", method="POST", message="Not now")
    error = here.error(2, "cancel", first, second)
    assert error["message"].startswith(f"Not cancelled is {first}. ")
    assert "Not now" in error["message"]
    assert error["details"]["cancelled"] == [second]
    assert error["details"]["not_cancelled"] == [first]
    assert here.ok("cancel", "--all").split() == [first]


def test_last_of_no_open_session(here: Cli) -> None:
    """For a person it is the last job that is known; off a terminal it may be somebody else's."""
    job = here.ok(*DETACHED, "--local", "--backend", BACKEND).strip()
    workspace = Workspace(Settings.from_environ({**os.environ, **here.environ}))
    (found,) = find_jobs(workspace, ["@last"], None, (None, None), interactive=True)
    assert (found.job_id, found.session_id) == (job, None)
    for verb in ("result", "wait", "logs", "cancel"):
        assert here.error(4, verb, "@last")["code"] == "session_not_found"
    assert here.error(4, "logs", "@last", "-s", "nobody")["code"] == "session_not_found"


def test_logs(here: Cli, control: Control) -> None:
    """As they are, without what moves a cursor; that there are none is said on stderr."""
    session = here.ok(*OPEN).strip()
    log = "INFO: began\x1b[2J\r\nWARNING: [bold]\ttwo\n"
    control.fail_next_job("Lost lock.", logs=log)
    assert here.run("run", "@bell").returncode == 6
    assert here.ok("logs") == "INFO: began[2J\nWARNING: [bold] two\n"
    (job,) = here.data("jobs")["jobs"]
    assert here.data("logs", job["job_id"]) == {"job": {"job_id": job["job_id"]}, "logs": log}
    control.pause(BACKEND)
    waiting = submit(here, session)
    done = here.run("logs", "@last")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"Job {waiting} logged nothing yet.\n"
    here.ok("close", "--cancel")


def test_use(here: Cli) -> None:
    """By a name, an id, or its beginning; not one that is closed or that nobody knows."""
    one, two = here.ok(*OPEN, "--name", "one").strip(), here.ok(*OPEN, "--name", "two").strip()
    done = here.run("use", "one")
    assert (done.stdout, done.stderr) == (f"{one}\n", f"one on {BACKEND} is current now.\n")
    assert here.data("use", "-s", two[:13])["session"]["name"] == "two"
    ledger = Path(here.environ["QRSESSION_STATE"])
    assert 'current = "two"' in ledger.read_text()
    assert here.error(2, "use")["code"] == "usage"
    assert here.error(2, "use", "one", "-s", "two")["code"] == "usage"
    assert here.error(4, "use", "nobody")["code"] == "session_not_found"
    here.ok("close", "one")
    assert here.error(5, "use", "one")["code"] == "session_closed"
    assert 'current = "two"' in ledger.read_text()
    named = Cli(here.folder, {**here.environ, "QRSESSION_SESSION": "two"})
    three = here.ok(*OPEN, "--name", "three").strip()
    outranked = named.run("use", "three")
    assert outranked.stdout == f"{three}\n"
    assert "warning: QRSESSION_SESSION names two, and comes first." in outranked.stderr
    here.ok("close", "--all")


def test_use_looks_where_the_time_is_up(here: Cli) -> None:
    """One whose time must be up by what is known here is current only if its service says so."""
    here.ok(*OPEN, "--name", "late")
    ledger = Path(here.environ["QRSESSION_STATE"])
    text = ledger.read_text()
    ledger.write_text(f"{text}expires_at = 2026-01-01T00:00:00Z\n")
    session = here.data("status", "--cached")["session"]
    assert session["time_left_s"] == 0
    assert here.data("use", "late")["session"]["state"] == "open"
    other = Cli(here.folder, {**here.environ, "QRSESSION_STATE": f"{ledger}.other"})
    other.ok("adopt", "--local", session["session_id"])
    other.ok("close", "--all")
    assert here.error(5, "use", "late")["code"] == "session_closed"


def test_forget(here: Cli) -> None:
    """Nobody is asked and nothing closed; what may still cost is said, and can be taken back."""
    first = here.ok(*OPEN, "--name", "first", "--budget", "50").strip()
    second = here.ok(*OPEN, "--name", "second").strip()
    here.ok("run", "@bell", "-s", "second", "--quiet")
    assert here.error(4, "forget", "first", "nobody")["code"] == "session_not_found"
    assert len(here.data("status", "--all", "--cached")["sessions"]) == 2
    done = here.run("forget", "first", second[:12])
    assert done.stdout.split() == [first, second]
    warnings = re.findall(r"^warning: (\w+) was not closed; it may be open, and cost (.*)$",
                          done.stderr, re.MULTILINE)  # fmt: skip
    assert [name for name, _ in warnings] == ["first", "second"]
    assert warnings[0][1] == f"until 50s after its first job. Close it: qrsession close {first}"
    assert here.data("status", "--all", "--cached")["sessions"] == []

    assert here.error(4, "run", "@bell", "-s", "second")["advice"] == (
        f"Take it back: qrsession adopt {second} --local"
    )
    assert here.data("status", "second")["session"]["state"] in {"active", "inactive"}
    assert here.data("forget", "first")["forgotten"] == [
        {"name": "first", "session_id": first, "state": "open"}
    ]
    back = here.data("adopt", first, "--local")["session"]
    assert (back["name"], back["budget_s"]) == ("first", 50)
    closed = here.data("close", "second", "first")["closed"]
    assert [one["state"] for one in closed] == ["closed", "closed"]
    assert here.error(5, "run", "@bell", "-s", "second")["code"] == "session_closed"
    # The result of a job of it stayed where it was.
    assert here.data("result", "@last", "-s", "second")["job"]["session_id"] == second
