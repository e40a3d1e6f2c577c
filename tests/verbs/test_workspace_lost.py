"""What is done about sessions and results that are gone, or cannot be kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from qrsession.circuits.sources import read_sources
from qrsession.closing.close import close
from qrsession.errors import SessionNotFoundError, StorageError
from qrsession.money.modes import OpenMode
from qrsession.results.outcomes import recall_outcome
from qrsession.service import RuntimeService
from qrsession.settings import Settings
from qrsession.state.ledger import Ledger
from qrsession.state.records import Records
from qrsession.verbs.admission import OpenRequest, open_new
from qrsession.verbs.runs import RunRequest, run_on_backend
from qrsession.verbs.workspace import Workspace
from qrsession.waiting.awaiting import await_jobs

BACKEND = "aer_simulator"
REQUEST = OpenRequest(
    backend=BACKEND, account="local", once="key", mode=OpenMode.BATCH, name="gone"
)


@pytest.fixture
def warned() -> list[str]:
    return []


@pytest.fixture
def workspace(shared_home: Path, tmp_path: Path, warned: list[str]) -> Workspace:
    """A workspace of the shared runtime, with a ledger of its own."""
    assert shared_home.is_dir()
    settings = replace(Settings.from_environ(), state_file=tmp_path / "state" / "state.toml")
    return Workspace(settings, warn=warned.append, say=warned.append)


def lose(workspace: Workspace) -> str:
    """Open a session, and have the ledger take it for one that no service knows."""
    opened = open_new(workspace, REQUEST)
    entry = workspace.ledger.find(opened.name)
    close(workspace, entry)
    unknown = "00000000-0000-4000-8000-000000000000"
    workspace.ledger.add(replace(entry, session_id=unknown))
    return unknown


def test_a_session_that_is_gone_is_forgotten_when_it_is_closed(
    workspace: Workspace, warned: list[str]
) -> None:
    unknown = lose(workspace)
    with pytest.raises(SessionNotFoundError):
        close(workspace, workspace.ledger.find(unknown))
    assert not workspace.ledger.read().sessions
    assert any(unknown in line and "forgotten" in line for line in warned)


def test_a_session_that_is_gone_does_not_hold_its_key(workspace: Workspace) -> None:
    unknown = lose(workspace)
    report = open_new(workspace, REQUEST)
    assert report.session_id != unknown
    assert [entry.session_id for entry in workspace.ledger.read().sessions.values()] == [
        report.session_id
    ]
    close(workspace, workspace.ledger.find(report.name))


def test_a_session_that_could_not_be_entered_is_closed_and_owed_to_nobody(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_full(*_arguments: object, **_options: object) -> None:
        raise StorageError("No space left on device.")

    service = workspace.service("local")
    before = {one.key for one in service.pending.openings.all()}
    monkeypatch.setattr(Ledger, "add", be_full)
    with pytest.raises(StorageError):
        open_new(workspace, replace(REQUEST, once=None))
    assert {one.key for one in service.pending.openings.all()} == before


def test_a_result_that_cannot_be_kept_is_still_to_be_had(
    shared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_full(*_arguments: object, **_options: object) -> Path:
        raise StorageError("No space left on device.")

    assert shared_home.is_dir()
    service = RuntimeService("local")
    service.records = type(service.records)(tmp_path / "state")
    service.pending = type(service.pending)(tmp_path / "state")
    submitted = run_on_backend(service, BACKEND, RunRequest(read_sources(["@bell"]), shots=10))
    job_id = submitted.jobs[0].job_id()
    with monkeypatch.context() as patch:
        patch.setattr(Records, "write_result", be_full)
        with pytest.raises(StorageError, match="cannot be kept") as caught:
            await_jobs(submitted.jobs).checked()
    assert f"qrsession result {job_id}" in caught.value.advice
    (outcome,) = await_jobs(submitted.jobs).checked()
    kept = recall_outcome(service.records, service.records.find_job(job_id))
    assert kept is not None
    assert kept.pubs == outcome.pubs
