"""What happens, as lines of JSON: each can be read again as what it was."""

import json
from datetime import UTC, datetime

import pytest

from qrsession.errors import WireFormatError
from qrsession.render.lines import event_line
from qrsession.waiting.events import (
    Event,
    JobLost,
    JobStatusSeen,
    JobSubmitted,
    Note,
    NoteKind,
    ResultKept,
    SessionStateSeen,
    event_document,
    read_event,
)

pytestmark = pytest.mark.fast

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
EVENTS: list[Event] = [
    JobSubmitted("j1", None, "aer_simulator", "sampler"),
    JobStatusSeen("j1", "s1", None, "Queued"),
    JobStatusSeen("j1", "s1", "Running", "Failed", "It broke.", 1517),
    ResultKept("j1", "/somewhere/j1.json"),
    JobLost("j1", "job_not_found", "Job not found."),
    SessionStateSeen("s1", "calm-otter", "open", "active", accepting_jobs=True),
    Note(NoteKind.SERVICE_LOST, "No connection."),
    Note.back(),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    line = event_line(event, lambda: NOW)
    assert line.isascii()
    assert "\n" not in line
    document = json.loads(line)
    assert list(document)[:3] == ["schema_version", "event", "time"]
    assert (document["schema_version"], document["time"]) == (1, "2026-01-31T12:00:00.000Z")
    assert read_event({**document, "of_a_newer_version": 1}) == event


def test_words_of_a_change_are_from_and_to() -> None:
    document = event_document(EVENTS[2], NOW)
    assert (document["from"], document["to"]) == ("Running", "Failed")
    assert not {"before", "after"} & set(document)


@pytest.mark.parametrize(
    "document", [{}, {"event": "unheard_of"}, {"event": "note", "kind": "info"}, []]
)
def test_what_is_no_event_is_refused(document: object) -> None:
    with pytest.raises(WireFormatError):
        read_event(document)  # type: ignore[arg-type] # what a file may hold
