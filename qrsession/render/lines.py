"""Events as lines of JSON: what ``--events`` prints."""

from collections.abc import Callable
from datetime import UTC, datetime

from qrsession.render.envelope import to_json
from qrsession.waiting.events import Event, event_document


def _now() -> datetime:
    return datetime.now(UTC)


def event_line(event: Event, now: Callable[[], datetime] = _now) -> str:
    """Return the line of an event that happened just now."""
    return to_json(event_document(event, now()))
