"""Tables, and the views of sessions and jobs that are made of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from qrsession.render.tables import Cell, Column, table_text
from qrsession.render.terminal import Style, Terminal
from qrsession.render.views import forgotten_text, session_text, sessions_text
from qrsession.verbs.reports import JobReport, SessionReport

pytestmark = pytest.mark.fast

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PIPE = Terminal()
AT_80 = Terminal(is_terminal=True, width=80)
AT_200 = Terminal(is_terminal=True, width=200)
COLOURED = Terminal(is_terminal=True, width=200, has_colour=True)
COLUMNS = (Column("NAME"), Column("N", is_quantity=True))


def session(name: str = "calm-otter", state: str = "active") -> SessionReport:
    return SessionReport(
        name=name,
        session_id="5a6d4397-42c6-4dc6-969a-b1c90286a715",
        backend="ibm_fez",
        mode="dedicated",
        account="work",
        instance=None,
        state=state,
        accepting_jobs=state != "closed",
        max_time_s=5400,
        time_left_s=4321.0,
        usage_s=12.5,
        opened_at=NOW - timedelta(minutes=12),
    )


def job(status: str = "Completed") -> JobReport:
    return JobReport(
        job_id="d6147q3traac73bef6f0",
        session_id=None,
        backend="ibm_fez",
        primitive="sampler",
        status=status,
        usage_s=2.0,
        created=NOW - timedelta(seconds=75),
        tags=("run-1", "[red]x[/red]\x1b[31m"),
    )


def test_pipe_gets_tabs() -> None:
    rows = [(Cell("a\tb"), Cell("1")), (Cell("[bold]c", Style.BAD), Cell("22"))]
    assert table_text(COLUMNS, rows, PIPE) == "NAME\tN\na b\t1\n[bold]c\t22\n"
    assert table_text(COLUMNS, [], PIPE) == "NAME\tN\n"


def test_terminal_gets_a_drawing() -> None:
    rows = [("first", "1"), ("[bold]second", "22")]
    assert table_text(COLUMNS, rows, AT_80) == (
        "NAME           N\n────────────────\nfirst          1\n[bold]second  22\n"
    )


def test_colour_only_where_it_may_be() -> None:
    rows = [(Cell("bad", Style.BAD), "1")]
    assert "\x1b[31m" in table_text(COLUMNS, rows, COLOURED)
    assert "\x1b" not in table_text(COLUMNS, rows, AT_80)


def test_terminal_without_unicode_gets_ascii() -> None:
    plain = Terminal(is_terminal=True, width=80, has_unicode=False)
    assert table_text(COLUMNS, [("a", "1")], plain) == "NAME  N\n-------\na     1\n"


def test_columns_that_yield_are_left_out_and_nothing_is_cut() -> None:
    columns = (Column("ID"), Column("WHERE", yields=2), Column("WHO", yields=1), Column("N"))
    rows = [("0123456789", "here", "量子", "1")]
    for width, titles in ((26, "ID WHERE WHO N"), (25, "ID WHERE N"), (19, "ID N"), (5, "ID N")):
        text = table_text(columns, rows, Terminal(is_terminal=True, width=width))
        assert text.split()[: titles.count(" ") + 1] == titles.split()
        assert "0123456789" in text


def test_what_a_value_may_grow_to_does_not_change_what_is_left_out() -> None:
    columns = (Column("A", yields=1), Column("N", is_quantity=True, room=9))
    narrow = Terminal(is_terminal=True, width=11)
    shown = [table_text(columns, [("aaa", n)], narrow).splitlines()[0] for n in ("1", "123456789")]
    assert shown[0].split() == shown[1].split() == ["N"]


def test_sessions_in_a_pipe_are_given_in_full() -> None:
    assert sessions_text([session()], PIPE, current="calm-otter") == (
        "NAME\tSESSION\tBACKEND\tMODE\tACCOUNT\tSTATE\tTIME LEFT\tUSAGE\n"
        "calm-otter\t5a6d4397-42c6-4dc6-969a-b1c90286a715\tibm_fez\tdedicated\twork\tactive\t"
        "1h 12m 1s\t12.5 s\n"
    )


def test_sessions_at_80_columns() -> None:
    long = session("a-very-long-name-that-someone-chose", "closed")
    assert sessions_text([session(), long], AT_80, current="calm-otter") == (
        "NAME               SESSION   BACKEND   MODE       STATE   TIME LEFT   USAGE\n"
        "───────────────────────────────────────────────────────────────────────────\n"
        "* calm-otter       5a6d4397  ibm_fez   dedicated  active     1h 12m  12.5 s\n"
        "  a-very-long-na…  5a6d4397  ibm_fez   dedicated  closed     1h 12m  12.5 s\n"
    )


def test_names_of_backends_are_whole_at_80_columns() -> None:
    long = session("a-very-long-name-that-someone-chose", "inactive")
    assert sessions_text([replace(long, backend="ibmq_qasm_simulator")], AT_80) == (
        "NAME               SESSION   BACKEND              STATE     TIME LEFT   USAGE\n"
        "─────────────────────────────────────────────────────────────────────────────\n"
        "  a-very-long-na…  5a6d4397  ibmq_qasm_simulator  inactive     1h 12m  12.5 s\n"
    )


def test_what_looks_forgotten_is_a_table_with_the_reasons() -> None:
    reasons = "its process 4711 is gone, no job for 2 days and 3 hours, and more"
    assert forgotten_text([(session(), "no job for 3h"), (session("b"), reasons)], AT_80) == (
        "NAME          SESSION   LOOKS FORGOTTEN\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "  calm-otter  5a6d4397  no job for 3h\n"
        "  b           5a6d4397  its process 4711 is gone, no job for 2 days and 3 hours,\n"
        "                        and more\n"
    )


def test_time_left_of_a_session_before_its_first_job() -> None:
    unused = replace(session(state="open"), time_left_s=None)
    assert "  time left  1h 30m from its first job on\n" in session_text(unused, [], AT_80, now=NOW)
    endless = replace(unused, max_time_s=None)
    assert "  time left  not started\n" in session_text(endless, [], AT_80, now=NOW)


def test_sessions_at_200_columns_show_ids_and_accounts() -> None:
    text = sessions_text([session()], AT_200)
    assert "5a6d4397-42c6-4dc6-969a-b1c90286a715" in text
    assert "ACCOUNT" in text


def test_no_session_is_said_on_a_terminal_alone() -> None:
    assert sessions_text([], AT_80) == "No session is open.\n"
    assert sessions_text([], PIPE).startswith("NAME\t")


@pytest.mark.parametrize("count", [0, 1, 50])
@pytest.mark.parametrize("terminal", [PIPE, AT_80, AT_200, COLOURED])
def test_number_of_lines(count: int, terminal: Terminal) -> None:
    lines = sessions_text([session(f"s{i}") for i in range(count)], terminal).splitlines()
    heads = 2 if terminal.is_terminal else 1
    assert len(lines) == (1 if count == 0 else heads + count)


def test_card_of_a_session() -> None:
    assert session_text(session(), [job()], AT_80, now=NOW) == (
        "calm-otter  ● active\n"
        "  session    5a6d4397-42c6-4dc6-969a-b1c90286a715\n"
        "  backend    ibm_fez, dedicated\n"
        "  account    work\n"
        "  opened     12m ago\n"
        "  time left  1h 12m 1s of 1h 30m\n"
        "  usage      12.5 s\n"
        "\n"
        "JOB                   PRIMITIVE  STATUS        CREATED  USAGE  TAGS\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "d6147q3traac73bef6f0  sampler    Completed  1m 15s ago    2 s  run-1\n"
        "                                                               [red]x[/red][31m\n"
    )


def test_session_in_a_pipe_is_two_tables() -> None:
    head, jobs = session_text(session(), [job()], PIPE, now=NOW).split("\n\n")
    assert head.splitlines()[1].startswith("calm-otter\t")
    assert jobs.splitlines()[1] == (
        "d6147q3traac73bef6f0\tsampler\tCompleted\t2026-01-31T11:58:45+00:00\t2 s\t"
        "run-1 [red]x[/red][31m"
    )
    assert "\n\n" not in session_text(session(), [], PIPE, now=NOW)


def test_unknown_state_is_shown_as_it_is() -> None:
    assert "● hibernating" in session_text(session(state="hibernating"), [], AT_80, now=NOW)
