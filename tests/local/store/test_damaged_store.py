"""A database that cannot be used is told from one that can, and is never made worse."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qrsession.errors import StorageError
from qrsession.local.store.listing import JobFilter
from qrsession.local.store.store import DATABASE_NAME, Store
from qrsession.protocol.status import JobStatus
from tests.local.store.test_store import Desk

# It prints a line once it has the lock, and keeps that until its input ends.
HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A store with one queued job, whose database file is closed."""
    desk = Desk(tmp_path / "data")
    desk.submit()
    desk.store.close()
    yield desk
    desk.store.close()


def file_of(desk: Desk) -> Path:
    """Return the file of the database."""
    return desk.folder / DATABASE_NAME


@pytest.mark.fast
def test_a_truncated_database_is_left_as_it_is(desk: Desk) -> None:
    """Wherever it was cut."""
    whole = file_of(desk).read_bytes()
    for kept in (len(whole) // 2, 5000, 1000):
        file_of(desk).write_bytes(whole[:kept])
        with pytest.raises(StorageError, match=r"malformed|not a database") as caught:
            Store(desk.folder)
        assert "left as it is" in caught.value.advice
        assert file_of(desk).read_bytes() == whole[:kept]
    file_of(desk).write_bytes(whole)
    desk.reopen()
    assert desk.store.jobs.has_unfinished()


@pytest.mark.fast
def test_an_emptied_database_does_not_cost_its_log(desk: Desk) -> None:
    """SQLite would begin anew, and delete what the log still has."""
    desk.reopen()
    desk.submit()
    log = file_of(desk).with_name(f"{DATABASE_NAME}-wal")
    # As a kill leaves them.
    left, copied = file_of(desk).read_bytes(), log.read_bytes()
    assert copied
    desk.store.close()
    log.write_bytes(copied)
    file_of(desk).write_bytes(b"")
    with pytest.raises(StorageError, match="is empty") as caught:
        Store(desk.folder)
    assert "left as they are" in caught.value.advice
    assert log.read_bytes() == copied
    file_of(desk).write_bytes(left)
    desk.reopen()
    assert desk.store.listing.jobs(JobFilter())[1] == 2


@pytest.mark.fast
@pytest.mark.parametrize(("version", "word"), [(99, "newer"), (0, "another program")])
def test_a_database_that_is_not_ours_is_not_written_to(
    tmp_path: Path, version: int, word: str
) -> None:
    """Of a newer release or of another program: not even its journal's mode is changed."""
    file = tmp_path / DATABASE_NAME
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE theirs (one)")
        connection.execute(f"PRAGMA user_version = {version}")
    before = file.read_bytes()
    with pytest.raises(StorageError, match=word):
        Store(tmp_path)
    assert file.read_bytes() == before


def test_a_lock_of_another_process_is_waited_for_and_said(desk: Desk) -> None:
    """Nothing is lost by it: once it is gone, everything is there."""
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(file_of(desk))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(StorageError, match="locked") as caught:
            Store(desk.folder, busy_timeout_s=0.05)
        assert str(file_of(desk)) in caught.value.message
        assert "Another program" in caught.value.advice
        assert holder.stdin is not None
        holder.stdin.close()
        # It is about to let go, which is waited for.
        desk.reopen()
    assert desk.store.listing.jobs(JobFilter())[1] == 1
    assert desk.submit()


@pytest.mark.fast
def test_damage_found_while_it_runs_ends_all_writing(desk: Desk) -> None:
    """What can be read is read; nothing is accepted that a damaged file would have to hold."""
    with closing(sqlite3.connect(file_of(desk))) as connection:
        (job_id,) = connection.execute("SELECT job_id FROM jobs").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'job_params'"
        ).fetchone()
    damaged = bytearray(file_of(desk).read_bytes())
    damaged[(root - 1) * page_bytes : root * page_bytes] = b"?" * page_bytes
    file_of(desk).write_bytes(damaged)
    desk.reopen()
    before = file_of(desk).read_bytes()

    with pytest.raises(StorageError, match="malformed"):
        desk.books.claim_next()
    # It was not taken, so the next runtime, on a copy that is whole, runs it for the first time.
    job = desk.store.jobs.get(job_id)
    assert job is not None
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)
    with pytest.raises(StorageError, match="damaged") as caught:
        desk.submit()
    assert "left as it is" in caught.value.advice
    with pytest.raises(StorageError, match="damaged"):
        desk.open("s")
    assert desk.store.listing.jobs(JobFilter())[1] == 1
    assert file_of(desk).read_bytes() == before
