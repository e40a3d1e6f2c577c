"""Jobs of several sessions in a table, and logs, as people see them."""

from datetime import UTC, datetime, timedelta

import pytest

from qrsession.render.jobs import jobs_text, logs_text
from qrsession.render.terminal import Terminal
from qrsession.verbs.job_lists import JobList
from qrsession.verbs.reports import JobReport

pytestmark = pytest.mark.fast

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAMES = {"id-1": "a-name-that-is-much-too-long"}
JOBS = [
    JobReport(
        job_id=f"d614k2pg91sg008x{number:04}",
        session_id=session_id,
        backend="ibm_marrakesh",
        primitive="estimator",
        status="Completed",
        usage_s=1234.5,
        created=NOW - timedelta(hours=23, minutes=59),
        tags=("nightly", "[bold]"),
    )
    for number, session_id in enumerate(["id-1", None, "id-2-nobody-knows"])
]
FOUND = JobList(session=None, jobs=JOBS, has_more=False, names=NAMES)


def test_on_a_narrow_terminal_all_that_is_shown_is_whole() -> None:
    text = jobs_text(FOUND, Terminal(is_terminal=True, width=80), now=NOW)
    head, _, *rows = text.splitlines()
    assert head.split() == ["JOB", "SESSION", "STATUS", "CREATED", "USAGE"]
    assert all(len(line) <= 80 for line in text.splitlines())
    assert [row.split()[:2] for row in rows] == [
        [JOBS[0].job_id, "a-name-that-is-m…"],
        [JOBS[1].job_id, "(ibm_marrakesh)"],
        [JOBS[2].job_id, "id-2-nobody-knows"],
    ]
    assert all(row.endswith("23h 59m ago  1234.5 s") for row in rows)


def test_on_a_wide_terminal_there_is_all_of_it() -> None:
    text = jobs_text(FOUND, Terminal(is_terminal=True, width=200), now=NOW)
    assert text.splitlines()[0].split() == [
        *("JOB", "SESSION", "BACKEND", "PRIMITIVE", "STATUS", "CREATED", "USAGE", "TAGS")
    ]
    assert text.count("ibm_marrakesh") == text.count("nightly [bold]") == 3


def test_elsewhere_ids_are_whole_and_times_are_exact() -> None:
    head, first, alone, _ = jobs_text(FOUND, Terminal(), now=NOW).splitlines()
    assert head == "JOB\tSESSION\tBACKEND\tPRIMITIVE\tSTATUS\tCREATED\tUSAGE\tTAGS"
    assert first.split("\t")[1:3] == ["id-1", "ibm_marrakesh"]
    assert alone.split("\t")[1] == ""
    assert first.split("\t")[5] == "2026-01-30T12:01:00+00:00"


def test_without_jobs() -> None:
    empty = JobList(session=None, jobs=[], has_more=False, names={})
    assert jobs_text(empty, Terminal(is_terminal=True), now=NOW) == "No jobs found.\n"
    assert jobs_text(empty, Terminal(), now=NOW).count("\n") == 1


@pytest.mark.parametrize(
    ("logs", "shown"),
    [
        ("", ""),
        ("\n\n", ""),
        ("one\n  two\r\n\nthree\n", "one\n  two\n\nthree"),
        ("\x1b]0;title\x07a\tb\u202ec\rd", "]0;titlea       bcd"),
    ],
)
def test_logs_keep_their_lines_and_lose_what_moves_a_cursor(logs: str, shown: str) -> None:
    assert logs_text(logs) == shown
