"""The fast reader of ledgers: it says what tomllib says, or nothing."""

import tomllib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from qrsession.state.entries import SessionEntry
from qrsession.state.plain_toml import read_plain

pytestmark = pytest.mark.fast

WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=True),
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=ZONES),  # noqa: DTZ001 - bounds
    st.lists(st.integers(), max_size=2),
)
KEYS = st.text("abz019_-.", min_size=1, max_size=8)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)
LEDGERS = st.builds(
    lambda head, sessions: {**head, "sessions": sessions},
    TABLES,
    st.dictionaries(KEYS, TABLES, max_size=3),
)


def agrees(text: str) -> bool:
    """Tell whether it read the text, which it must have read as tomllib does."""
    found = read_plain(text)
    if found is None:
        return False
    # Kinds as well: 1, 1.0 and True are equal.
    assert repr(found) == repr({**tomllib.loads(text), "sessions": found["sessions"]})
    assert repr(found["sessions"]) == repr(tomllib.loads(text)["sessions"])
    return True


@given(LEDGERS)
def test_what_it_reads_is_what_tomllib_reads(document: dict[str, Any]) -> None:
    agrees(tomli_w.dumps(document))


@given(LEDGERS, st.data())
def test_what_is_damaged_is_left_to_tomllib_or_is_no_damage(
    document: dict[str, Any], data: st.DataObject
) -> None:
    text = tomli_w.dumps(document)
    at = data.draw(st.integers(0, len(text)))
    cut = text[:at] + data.draw(st.text('a0"=[]#\\\n .-', max_size=2)) + text[at + 1 :]
    try:
        tomllib.loads(cut)
    except tomllib.TOMLDecodeError:
        assert read_plain(cut) is None
    else:
        agrees(cut)


def test_what_we_write_needs_no_tomllib() -> None:
    entry = SessionEntry(
        name="calm-otter",
        session_id="5a6d4397-42c6-4dc6-969a-b1c90286a715",
        backend="aer_simulator",
        mode="dedicated",
        account="local",
        opened_at=WHEN,
        instance="crn:v1:bluemix:public:quantum-computing:us-east:a/abc:def::",
        max_time_s=3600,
        usage_s=1.5,
        seen_at=WHEN + timedelta(microseconds=1),
        once="nightly",
    )
    sessions = {name: entry.to_record() for name in ("calm-otter", "with.dots")}
    assert agrees(tomli_w.dumps({"schema_version": 1, "current": "x", "sessions": sessions}))
    assert agrees(tomli_w.dumps({"schema_version": 1, "sessions": {}}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "schema_version = 1\n",
        "[sessions]\n[sessions]\n",
        '[sessions.a]\nb = "1"\nb = "2"\n',
        "[sessions.a]\n[sessions.a]\n",
        "sessions = 1\n[sessions.a]\n",
        '[sessions.a]\nb = "\\u0041"\n',
        "[sessions.a]\nb = 2026-13-01 12:00:00Z\n",
        "[sessions.a] # a remark\n",
        "[sessions.a]\r\nb = 1\r\n",
        "[sessions.a.b]\nc = 1\n",
        "[sessions.a]\nb = 01\n",
    ],
)
def test_all_else_is_left_to_tomllib(text: str) -> None:
    assert read_plain(text) is None
