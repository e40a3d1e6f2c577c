"""Usage as people see it: a card with a bar, and tables."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from qrsession.money.usage import UsageReport
from qrsession.render.terminal import Terminal
from qrsession.render.usage import usage_text
from qrsession.verbs.reports import SessionReport

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
USAGE = UsageReport(
    instance="crn:v1:x",
    plan="open",
    consumed_s=150.0,
    limit_s=600.0,
    allocation_s=600.0,
    remaining_s=450.0,
    limit_reached=False,
    period_start=datetime(2026, 10, 25, tzinfo=UTC),
    period_end=NOW,
    name="mine",
)
SESSION = SessionReport(
    name="calm-otter",
    session_id="id",
    backend="ibm_fez",
    mode="dedicated",
    account="work",
    instance="crn:v1:x",
    state="active",
    accepting_jobs=True,
    max_time_s=1000,
    time_left_s=100.0,
    usage_s=None,
    opened_at=NOW,
    usage_estimate_s=42.0,
    jobs_usage_s=30.0,
    idle_s=12.0,
)
TERMINAL = Terminal(is_terminal=True, width=80)


def test_off_a_terminal() -> None:
    assert usage_text([USAGE], [SESSION], Terminal()) == (
        "INSTANCE\tPLAN\tUSED\tLIMIT\tLEFT\tSTATE\tPERIOD\n"
        "mine\topen\t150 s\t600 s\t450 s\tin use\t2026-10-25 to 2026-11-22\n"
        "\n"
        "SESSION\tMODE\tSTATE\tUSED\tIN JOBS\tIDLE\n"
        "calm-otter\tdedicated\tactive\t~42 s\t30 s\t12 s\n"
    )


def test_on_a_terminal_one_instance_is_a_card() -> None:
    assert usage_text([USAGE], [], TERMINAL) == (
        "mine  ● in use\n"
        "  plan       open\n"
        "  instance   crn:v1:x\n"
        "  used       150 s (2.5 min)\n"
        "  limit      600 s (10 min)\n"
        "  left       450 s (7.5 min)\n"
        "  period     2026-10-25 to 2026-11-22\n"
        f"  {'█' * 10}{'░' * 30} 25% used\n"
    )


def test_an_estimate_is_named_as_one() -> None:
    text = usage_text([USAGE], [SESSION], TERMINAL)
    assert "~42 s" in text
    assert text.endswith("~ so far, worked out here: the service has not settled it.\n")
    settled = replace(SESSION, usage_s=43.0)
    assert "~" not in usage_text([USAGE], [settled], TERMINAL)


@pytest.mark.parametrize(
    ("usage", "state"),
    [
        (replace(USAGE, consumed_s=0.0), "unused"),
        (replace(USAGE, consumed_s=550.0), "limit near"),
        (replace(USAGE, consumed_s=700.0, remaining_s=0.0, limit_reached=True), "limit reached"),
    ],
)
def test_the_state_of_an_instance(usage: UsageReport, state: str) -> None:
    text = usage_text([usage], [], TERMINAL)
    assert text.splitlines()[0] == f"mine  ● {state}"
    assert ("100% used" in text) is (state == "limit reached")


def test_without_a_limit_there_is_no_bar() -> None:
    free = replace(USAGE, limit_s=None, remaining_s=None, allocation_s=None)
    text = usage_text([free], [], TERMINAL)
    assert "limit      none" in text
    assert "used\n" not in text


def test_several_instances_are_a_table() -> None:
    long_crn = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123:instance::"
    other = replace(USAGE, name=None, instance=long_crn, plan="premium")
    titles = ["INSTANCE", "PLAN", "USED", "LIMIT", "LEFT", "STATE", "PERIOD"]
    for width, shown in ((80, titles[:-1]), (100, titles)):
        lines = usage_text([USAGE, other], [], replace(TERMINAL, width=width)).splitlines()
        assert lines[0].split() == shown
        assert max(map(len, lines)) <= width


def test_sessions_with_long_names_leave_room_for_figures() -> None:
    long = replace(SESSION, name="a-very-long-name-that-is-as-long-as-names-may-be")
    unused = replace(SESSION, state="open", usage_estimate_s=0.0, jobs_usage_s=0.0, idle_s=0.0)
    assert usage_text([USAGE], [long, unused], TERMINAL).splitlines()[9:] == [
        "SESSION                   MODE       STATE    USED  IN JOBS  IDLE",
        "─────────────────────────────────────────────────────────────────",
        "a-very-long-name-that-i…  dedicated  active  ~42 s     30 s  12 s",
        "calm-otter                dedicated  open      0 s      0 s   0 s",
        "~ so far, worked out here: the service has not settled it.",
    ]
    narrow = usage_text([USAGE], [long], replace(TERMINAL, width=38)).splitlines()
    assert narrow[-2].split() == ["a-very-long-name-that-i…", "~42", "s"]
