"""Jobs, results and history: what is kept, found, and forgotten after 90 days."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qrsession
from qrsession.errors import InvalidValueError, JobNotFoundError, StorageError
from qrsession.state.entries import JobEntry, SessionEntry
from qrsession.state.history import History
from qrsession.state.pending import Intent, Pending
from qrsession.state.records import Records, file_stem

NOW = datetime(2026, 1, 31, 12, 0, 0, 125_000, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data"
ROOT = Path(qrsession.__file__).parents[1]
SESSION = "5a6d4397-42c6-4dc6-969a-b1c90286a715"


def job(job_id: str = "d614", session_id: str | None = SESSION) -> JobEntry:
    return JobEntry(job_id, session_id, "aer_simulator", "sampler", "local", NOW)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path / "state")


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "state", now=lambda: NOW)


@pytest.mark.fast
def test_jobs_come_in_order_and_with_their_last_state(records: Records) -> None:
    first, second, alone = job("d1"), job("d2"), job("d3", None)
    for entry in (first, second, alone, replace(first, status="Completed", usage_s=2.5)):
        records.add_job(entry)
    assert records.jobs(SESSION) == [replace(first, status="Completed", usage_s=2.5), second]
    assert records.jobs(None) == [alone]
    assert records.last_job(SESSION) == second
    assert records.jobs("another") == []
    with pytest.raises(JobNotFoundError):
        records.last_job("another")


@pytest.mark.fast
def test_job_is_found_in_any_session_by_id_and_unique_prefix(records: Records) -> None:
    for entry in (job("d614a"), job("d614ab", "other"), job("e", None)):
        records.add_job(entry)
    assert records.find_job("d614a").session_id == SESSION
    assert records.find_job("d614ab").session_id == "other"
    assert records.find_job("e").session_id is None
    with pytest.raises(InvalidValueError, match="d614a, d614ab") as caught:
        records.find_job("d6")
    assert sorted(caught.value.details["candidates"]) == ["d614a", "d614ab"]
    for key in ("", "614", "f"):
        with pytest.raises(JobNotFoundError):
            records.find_job(key)


@pytest.mark.fast
def test_results_are_kept_as_they_were_handed_in(records: Records) -> None:
    assert records.read_result("d1") is None
    path = records.write_result("d1", b'{"results": []}')
    assert path == records.result_path("d1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert records.read_result("d1") == b'{"results": []}'


@pytest.mark.fast
def test_old_files_load(records: Records, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    for folder, name, source in (
        ("jobs", f"{SESSION}.ndjson", "jobs-v1.ndjson"),
        ("pending", "qrs-abcdefghijklmnopqrstuvwxyz.json", "intent-v1.json"),
        ("history", f"{SESSION}.toml", "history-v1.toml"),
    ):
        path = tmp_path / "state" / folder / name
        path.parent.mkdir(mode=0o700)
        shutil.copyfile(DATA / source, path)
    tag = "qrs-abcdefghijklmnopqrstuvwxyz"
    when = datetime(2026, 1, 31, 12, 0, 59, tzinfo=UTC)
    assert Pending(tmp_path / "state").intents.all() == [
        Intent(tag, "work", None, "ibm_fez", "sampler", when, 4711, "login1")
    ]
    first, second = records.jobs(SESSION)
    assert first == JobEntry(
        job_id="d6147q3traac73bef6f0",
        session_id=SESSION,
        backend="ibm_fez",
        primitive="sampler",
        account="work",
        submitted_at=when + timedelta(seconds=1),
        tag=tag,
        tags=("run-1",),
        files=("bell.qasm",),
        detached=True,
        status="Completed",
        usage_s=3.0,
    )
    assert second.primitive == "estimator"
    records.add_job(job("d7"))
    assert [entry.job_id for entry in records.jobs(SESSION)][2:] == ["d7"]
    closed = History(tmp_path / "state", now=lambda: NOW).find("calm-otter")
    assert closed is not None
    assert closed.closed_at == datetime(2026, 1, 31, 13, tzinfo=UTC)
    assert closed.entry.backend == "ibm_fez"


@pytest.mark.fast
def test_newer_records_are_refused(records: Records, tmp_path: Path) -> None:
    records.add_job(job())
    path = tmp_path / "state" / "jobs" / f"{SESSION}.ndjson"
    with path.open("a") as file:
        file.write('{"schema_version": 2, "job_id": "d9"}\n')
    with pytest.raises(StorageError, match="newer qrsession"):
        records.jobs(SESSION)


@pytest.mark.fast
@pytest.mark.parametrize(
    "identifier", ["../../etc/passwd", "a/b", ".", "", "é", "x" * 500, "\udcff"]
)
def test_strange_ids_make_plain_file_names(records: Records, identifier: str) -> None:
    stem = file_stem(identifier)
    assert len(stem) < 100
    assert "/" not in stem
    assert not stem.startswith(".")
    path = records.write_result(identifier, b"x")
    assert path.parent == records.result_path("plain").parent
    assert file_stem(stem) != file_stem(f"{stem}x")


@pytest.mark.fast
def test_folder_open_to_others_is_refused(records: Records, tmp_path: Path) -> None:
    records.add_job(job())
    records.write_result("d1", b"")
    for folder in ("jobs", "results"):
        (tmp_path / "state" / folder).chmod(0o755)
    with pytest.raises(StorageError, match="jobs is open to other users"):
        records.jobs(SESSION)
    with pytest.raises(StorageError, match="results is open to other users"):
        records.read_result("d1")


@pytest.mark.fast
def test_newest_jobs_of_all_sessions(records: Records) -> None:
    for number in range(30):
        when = NOW + timedelta(minutes=number)
        session_id = None if number % 3 == 0 else f"s{number % 4}"
        entry = replace(job(f"d{number}", session_id), submitted_at=when)
        records.add_job(replace(entry, status="Failed" if number % 2 else None))
    newest = [f"d{number}" for number in range(29, -1, -1)]
    assert [one.job_id for one in records.newest_jobs(50)] == newest
    assert [one.job_id for one in records.newest_jobs(4)] == newest[:4]
    failed = records.newest_jobs(3, lambda one: one.status == "Failed")
    assert [one.job_id for one in failed] == ["d29", "d27", "d25"]
    assert records.newest_jobs(2, lambda _one: False) == []


@pytest.mark.fast
def test_files_that_can_hold_no_newer_job_are_not_read(records: Records, tmp_path: Path) -> None:
    """One that another version wrote would be an error, if it was read."""
    now = datetime.now(UTC)
    records.add_job(replace(job("new", "new"), submitted_at=now))
    old = tmp_path / "state" / "jobs" / "old.ndjson"
    old.write_text('{"schema_version": 99, "job_id": "old"}\n')
    then_s = (now - timedelta(hours=1)).timestamp()
    os.utime(old, (then_s, then_s))
    assert [one.job_id for one in records.newest_jobs(1)] == ["new"]
    with pytest.raises(StorageError):
        records.newest_jobs(2)


@pytest.mark.fast
def test_what_was_forgotten_is_told_from_what_was_closed(history: History) -> None:
    entry = SessionEntry("mine", "id-1", None, "batch", "local", NOW)
    history.add(entry, {**entry.to_record(), "from_the_future": 1}, was_forgotten=True)
    assert history.get("id-2") is None
    left = history.get("id-1")
    assert left is not None
    assert (left.entry, left.was_forgotten) == (entry, True)
    history.note_closed("id-1")
    history.note_closed("id-2")
    left = history.get("id-1")
    assert left is not None
    assert not left.was_forgotten
    assert [one.entry.session_id for one in history.read()] == ["id-1"]


@pytest.mark.fast
def test_history_finds_the_last_of_a_name(history: History, tmp_path: Path) -> None:
    times = iter([NOW, NOW + timedelta(hours=1)])
    timed = History(tmp_path / "state", now=lambda: next(times))
    assert timed.find("mine") is None
    for session_id in ("id-1", "id-2"):
        entry = SessionEntry("mine", session_id, None, "batch", "local", NOW)
        timed.add(entry, entry.to_record())
    found = {key: history.find(key) for key in ("mine", "id-1", "id-", "id-2", "")}
    ids = {key: closed.entry.session_id if closed else None for key, closed in found.items()}
    assert ids == {"mine": "id-2", "id-1": "id-1", "id-": None, "id-2": "id-2", "": None}


@pytest.mark.fast
def test_damaged_history_hides_no_other(history: History, tmp_path: Path) -> None:
    entry = SessionEntry("mine", "id-1", None, "batch", "local", NOW)
    history.add(entry, entry.to_record())
    (tmp_path / "state" / "history" / "x.toml").write_text("schema_version")
    assert [closed.entry for closed in history.read()] == [entry]


@pytest.mark.fast
def test_after_90_days_a_session_goes_with_its_jobs_and_results(
    records: Records, history: History, tmp_path: Path
) -> None:
    for session_id, job_id in (("old", "d1"), ("young", "d2")):
        entry = SessionEntry(session_id, session_id, None, "batch", "local", NOW)
        history.add(entry, entry.to_record())
        records.add_job(job(job_id, session_id))
        records.write_result(job_id, b"x")
    records.write_result("d3", b"x")
    state = tmp_path / "state"
    ages_days = {
        state / "history" / "old.toml": 91,
        state / "history" / "young.toml": 89,
        records.result_path("d1"): 1,
        records.result_path("d2"): 1,
        records.result_path("d3"): 91,
    }
    for path, days in ages_days.items():
        then = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (then, then))
    history.prune()
    assert [closed.entry.name for closed in history.read()] == ["young"]
    assert records.jobs("old") == []
    assert len(records.jobs("young")) == 1
    kept = {job_id for job_id in ("d1", "d2", "d3") if records.read_result(job_id)}
    assert kept == {"d2"}


@pytest.mark.fast
def test_pruning_an_empty_folder_is_nothing(history: History, tmp_path: Path) -> None:
    history.prune()
    assert not (tmp_path / "state").exists()


texts = st.text(st.characters(codec="utf-8"), max_size=20)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone itself
jobs = st.builds(
    JobEntry,
    job_id=texts,
    session_id=st.none() | st.just(SESSION),
    backend=texts,
    primitive=texts,
    account=texts,
    submitted_at=moments,
    instance=st.none() | texts,
    tag=st.none() | texts,
    tags=st.lists(texts, max_size=3).map(tuple),
    files=st.lists(texts, max_size=3).map(tuple),
    detached=st.booleans(),
    status=st.none() | texts,
    usage_s=st.none() | st.floats(0, 1e9),
)


@pytest.mark.fast
@settings(max_examples=50)
@given(job_list=st.lists(jobs, max_size=5, unique_by=lambda entry: entry.job_id))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, job_list: list[JobEntry]
) -> None:
    records = Records(tmp_path_factory.mktemp("home") / "state")
    for entry in job_list:
        records.add_job(entry)
    read = records.jobs(SESSION) + records.jobs(None)
    assert sorted(read, key=lambda entry: entry.job_id) == sorted(
        job_list, key=lambda entry: entry.job_id
    )


SUBMITTER = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from qrsession.state.entries import JobEntry
from qrsession.state.pending import Intent, Pending
from qrsession.state.records import Records
records, intents, name = Records(Path(sys.argv[1])), Pending(Path(sys.argv[1])).intents, sys.argv[2]
sys.stdin.read()
for number in range(10):
    tag, now = f"qrs-{name}-{number}", datetime.now(UTC)
    intents.put(Intent(tag, "local", "s", "b", "sampler", now, os.getpid()))
    records.add_job(JobEntry(tag[4:], "s", "b", "sampler", "local", now))
    if number < 9:
        intents.drop(tag)
"""


def test_many_processes_submit_at_once(tmp_path: Path) -> None:
    state = tmp_path / "state"
    submitters = [
        subprocess.Popen(
            [sys.executable, "-c", SUBMITTER, str(state), str(number)],
            stdin=subprocess.PIPE,
            cwd=ROOT,
        )
        for number in range(12)
    ]
    for submitter in submitters:
        assert submitter.stdin is not None
        submitter.stdin.close()
    assert [submitter.wait(60) for submitter in submitters] == [0] * 12
    records = Records(state)
    ids = [entry.job_id for entry in records.jobs("s")]
    assert sorted(ids) == sorted(f"{name}-{number}" for name in range(12) for number in range(10))
    assert {open_.tag for open_ in Pending(state).intents.all()} == {
        f"qrs-{name}-9" for name in range(12)
    }
