"""A database that is damaged at random: it is read, or what cannot be read is told as such."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qrsession.errors import StorageError
from qrsession.local.store.listing import JobFilter
from qrsession.local.store.store import DATABASE_NAME, Store
from tests.local.store.test_store import COMPLETED, Desk
from tests.readers import Reader, check_damaged_files, check_whole_files, sandbox_of
from tests.sandbox import Sandbox


def database(folder: Path) -> bytes:
    """Return the file of a store with a session, a job that has ended and one that has not."""
    desk = Desk(folder)
    session_id = desk.open("s")
    job = desk.store.jobs.get(desk.submit(session_id))
    assert job is not None
    assert desk.books.claim_next() is not None
    desk.books.end(job, COMPLETED)
    desk.submit()
    desk.store.close()
    return (folder / DATABASE_NAME).read_bytes()


def look(data: bytes) -> object:
    """Do as a runtime does that starts, and answer for all that there is."""
    folder = Path("data")
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    (folder / DATABASE_NAME).write_bytes(data)
    with closing(Store(folder)):
        pass
    desk = Desk(folder)
    with closing(desk.store) as store:
        desk.books.recover()
        jobs, count = store.listing.jobs(JobFilter())
        for job in jobs:
            store.jobs.params(job)
            store.jobs.result(job)
            store.jobs.logs(job)
        return count, store.sessions.unclosed(), store.latest_moment()


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reader, Sandbox]]:
    whole = database(tmp_path_factory.mktemp("whole") / "data")
    words = ("null", '"', "{", "active", "open", "Running", "9" * 40, "NaN")
    reader = Reader(look, (whole,), (StorageError,), words)
    with sandbox_of(reader, tmp_path_factory.mktemp("fuzz")) as sandbox:
        yield reader, sandbox


def test_a_store_as_it_was_written_is_read(reading: tuple[Reader, Sandbox]) -> None:
    check_whole_files(*reading)


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_damage_is_told(reading: tuple[Reader, Sandbox]) -> None:
    check_damaged_files(*reading, 1000)
