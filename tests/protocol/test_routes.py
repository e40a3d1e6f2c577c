"""Paths and states of the API, as data."""

import pytest

from qrsession.protocol import routes
from qrsession.protocol.status import (
    FINAL_JOB_STATUSES,
    JOB_TRANSITIONS,
    SESSION_TRANSITIONS,
    JobStatus,
    SessionState,
)

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("s1", "s1"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("ä b", "%C3%A4%20b"),
        ("%2F", "%252F"),
    ],
)
def test_a_name_stays_one_segment(name: str, segment: str) -> None:
    path = routes.CANCEL_SESSION.path(session_id=name)
    assert path == f"/sessions/{segment}/close"
    assert path.count("/") == 3


def test_no_two_routes_are_the_same() -> None:
    found = [value for value in vars(routes).values() if isinstance(value, routes.Route)]
    assert len({(route.method, route.template) for route in found}) == len(found) > 15


def test_one_version_is_live() -> None:
    live = [version for version, state in routes.API_VERSIONS.items() if state == "live"]
    assert live == [routes.API_VERSION] == [max(routes.API_VERSIONS)]


def test_final_states_are_final() -> None:
    for status, following in JOB_TRANSITIONS.items():
        assert status.is_final == (status in FINAL_JOB_STATUSES) == (not following)
    assert set(JOB_TRANSITIONS) == set(JobStatus)
    assert not SESSION_TRANSITIONS[SessionState.CLOSED]


def test_each_session_can_be_closed() -> None:
    for state, following in SESSION_TRANSITIONS.items():
        assert state is SessionState.CLOSED or SessionState.CLOSED in following
