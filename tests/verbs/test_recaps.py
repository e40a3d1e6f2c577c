"""What a session came to, out of what is known on this machine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qrsession.settings import Settings
from qrsession.state.entries import JobEntry, SessionEntry
from qrsession.verbs.recaps import MOST_JOBS, Absence, recap
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace

pytestmark = pytest.mark.fast

OPENED_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = OPENED_AT + timedelta(seconds=75)
# Its close was refused, so nobody is asked about its jobs.
SESSION = SessionReport.of(
    SessionEntry("calm-otter", "ef677d68", "aer_simulator", "batch", "local", OPENED_AT), NOW
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    return Workspace(settings, now=lambda: NOW)


def entry(job_id: str, status: str | None = "Completed") -> JobEntry:
    return JobEntry(
        job_id,
        SESSION.session_id,
        "aer_simulator",
        "sampler",
        "local",
        OPENED_AT,
        files=("@bell",),
        status=status,
    )


def test_jobs_that_are_known_here(workspace: Workspace) -> None:
    """In order of submission, each with its result or the reason why there is none."""
    records = workspace.records
    for one in (entry("kept"), entry("lost"), entry("broken"), entry("queued", None)):
        records.add_job(one)
    records.write_result("kept", ESTIMATED)
    records.write_result("broken", b"nonsense")
    found = recap(workspace, SESSION, 3)
    assert (found.exit_code, found.lasted_s, found.num_left_out) == (3, 75.0, 0)
    assert found.is_left_open
    assert not found.is_told_by_service
    assert [(job.job.job_id, len(job.pubs), job.absence) for job in found.jobs] == [
        ("kept", 1, None),
        ("lost", 0, Absence.NOT_KEPT),
        ("broken", 0, Absence.NOT_READ),
        ("queued", 0, None),
    ]
    assert {job.files for job in found.jobs} == {("@bell",)}


# A result as a service may send it: expectation values as plain lists.
ESTIMATED = b"""{"__type__": "PrimitiveResult", "__value__": {"pub_results": [
  {"__type__": "PubResult", "__value__": {"data": {"__type__": "DataBin", "__value__": {
    "fields": {"evs": [0.5, 0.25], "stds": [0.1, 0.2]}, "shape": [2],
    "field_names": ["evs", "stds"], "field_types": ["ndarray", "ndarray"]}}, "metadata": {}}}],
  "metadata": {}}}"""


def test_more_jobs_than_anybody_reads_are_counted(workspace: Workspace) -> None:
    job_ids = [f"job-{number}" for number in range(MOST_JOBS + 30)]
    workspace.records.add_job(entry(job_ids[0]))
    (path,) = (workspace.settings.state_dir / "jobs").glob("*.ndjson")
    line = path.read_text()
    # Each record by itself would wait for the disk.
    path.write_text("".join(line.replace(job_ids[0], job_id) for job_id in job_ids))
    found = recap(workspace, SESSION, 0)
    assert len(found.jobs) == MOST_JOBS
    assert found.num_left_out == 30
    assert found.jobs[-1].job.job_id == job_ids[-1]


def test_no_jobs(workspace: Workspace) -> None:
    assert recap(workspace, SESSION, 0).jobs == []
