"""A session's end as Markdown: whole pages, and what may not break them."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrsession.errors import ServiceUnavailableError
from qrsession.protocol.typed import BitSamples
from qrsession.pubs.captions import Caption
from qrsession.pubs.values import ParameterValues
from qrsession.render.markdown import (
    MOST_BYTES,
    MOST_RESULTS,
    MOST_VALUES,
    code,
    failure_markdown,
    plain,
    recap_markdown,
)
from qrsession.results.pubs import EstimatedPub, SampledPub
from qrsession.verbs.recaps import Absence, JobRecap, Recap
from qrsession.verbs.reports import JobReport, SessionReport

pytestmark = pytest.mark.fast

SESSION = SessionReport(
    name="calm-otter",
    session_id="ef677d68",
    backend="ibm_fez",
    mode="dedicated",
    account="work",
    instance=None,
    state="closed",
    accepting_jobs=False,
    max_time_s=600,
    time_left_s=0.0,
    usage_s=12.5,
    opened_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
    jobs_usage_s=4.0,
    idle_s=8.5,
)
JOB = JobReport("job-1", "ef677d68", "ibm_fez", "sampler", "Completed", 4.0)
BELL = SampledPub({"meas": BitSamples(b"\0" * 600 + b"\3" * 424, 2, 1024)})
VALUES = EstimatedPub([0.5, -0.25], [0.01, 0.02], (2,))
DONE = Recap(SESSION, 0, 75.2, [JobRecap(JOB, ("@bell",), [BELL])])

PAGE = f"""\
### qrsession: done on `ibm_fez`

| backend | mode | state | time | usage | exit code |
| --- | --- | --- | --- | --- | --- |
| `ibm_fez` | dedicated | closed | 1m 15s of 10m | 12.5 s: 4 s in jobs, 8.5 s idle | 0 |

Session `ef677d68` (calm-otter), account `work`, opened 2026-01-31 12:00:00 UTC.

| job | circuits | primitive | status | usage | reason |
| --- | --- | --- | --- | ---: | --- |
| `job-1` | `@bell` | `sampler` | Completed | 4 s |  |

#### Job `job-1`

`@bell`

```text
00  {"█" * 64}  600  58.6%
11  {"█" * 45}▎{" " * 18}  424  41.4%
1,024 shots, 2 outcomes
```
"""


def test_page() -> None:
    assert recap_markdown(DONE) == PAGE


def test_what_was_expected_stands_below_the_result() -> None:
    job = replace(DONE.jobs[0], verdicts=("fails: a|b.qasm: TVD 0.1 ± 0.01, at most 0.05",))
    page = recap_markdown(replace(DONE, jobs=[job]))
    assert page == f"{PAGE}\n- fails: a\\|b.qasm: TVD 0.1 ± 0.01, at most 0.05\n"
    many = replace(job, verdicts=job.verdicts * (MOST_RESULTS + 2))
    assert recap_markdown(replace(DONE, jobs=[many])).endswith("\n- 2 expectations more\n")


def test_values_are_a_table() -> None:
    page = recap_markdown(replace(DONE, jobs=[JobRecap(JOB, ("a.qasm", "b.qasm"), [VALUES, BELL])]))
    assert (
        "\n`a.qasm`\n\n"
        "| index | expectation value | standard error |\n| --- | ---: | ---: |\n"
        "| 0 | 0.5 | 0.01 |\n| 1 | -0.25 | 0.02 |\n"
        "\n`b.qasm`\n\n```text\n"
    ) in page


def test_values_beyond_reason_are_summed_up() -> None:
    many = EstimatedPub([number / 64 for number in range(64)], [0.01] * 64, (64,))
    page = recap_markdown(replace(DONE, jobs=[JobRecap(JOB, (), [many])]))
    assert page.count("| 0.01 |") == MOST_VALUES
    assert page.endswith("_32 values more, from 0.5 to 0.984375._\n")


def test_what_ended_badly() -> None:
    """The code, the reasons, and why a result is not there."""
    failed = replace(JOB, status="Failed", usage_s=None, reason="The cryostat | warmed\nup.")
    page = recap_markdown(
        Recap(
            SESSION,
            exit_code=7,
            lasted_s=3.0,
            jobs=[JobRecap(failed), JobRecap(JOB, absence=Absence.PRIVATE)],
            num_left_out=12,
            is_told_by_service=False,
        )
    )
    assert page.startswith("### qrsession: exit code 7 on `ibm_fez`\n")
    assert "| Failed |  | The cryostat \\| warmed up. |" in page
    assert "no result: it ran privately" in page
    assert "_12 jobs more in this session._" in page
    assert "The service did not tell of the jobs" in page
    assert "####" not in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"accepting_jobs": True, "state": "active"}, "**not closed** |"),
        ({"accepting_jobs": True, "state": "active"}, "qrsession close ef677d68"),
        ({"state": "active"}, "| closing, its jobs still run |"),
        ({"account": "local"}, "**Simulated, not a QPU**"),
        ({"backend": None, "usage_s": None, "max_time_s": None}, "| mode | state | time | exit"),
    ],
)
def test_what_a_session_came_to(change: dict[str, object], words: str) -> None:
    session = replace(SESSION, **change)  # type: ignore[arg-type] # fields of several types
    assert words in recap_markdown(replace(DONE, session=session))


def test_no_jobs_is_no_table() -> None:
    assert "| job |" not in recap_markdown(replace(DONE, jobs=[]))


def test_a_page_has_a_limit_and_says_what_it_leaves_out() -> None:
    """GitHub shows nothing of a summary that is too large."""
    job = JobRecap(JOB, ("@bell",), [BELL])
    many = replace(DONE, jobs=[job] * 150)
    page = recap_markdown(many)
    assert page.count("```text") == MOST_RESULTS
    assert "_100 results more, left out here" in page
    full = [
        JobRecap(
            replace(JOB, job_id="j" * 120, reason="ü" * 1000),
            ("ü" * 1000,) * 9,
            [SampledPub({"c": BitSamples(bytes(range(125)) * 40, 1000, 40)})] * 60,
        )
    ] * 200
    page = recap_markdown(replace(DONE, jobs=full))
    assert MOST_BYTES // 2 < len(page.encode()) <= MOST_BYTES
    assert re.search(r"_\d+ results more, left out here", page)
    small = recap_markdown(replace(DONE, jobs=full), most_bytes=8192)
    assert len(small.encode()) <= 8192
    assert re.search(r"_\d+ jobs more in this session", small)


# What would begin or end something in Markdown, or in a cell of one of its tables.
UNESCAPED = re.compile(r"(?<!\\)(?:\\\\)*[`*_{}\[\]|~$#!<>\n\r]")
NASTY = st.text(st.sampled_from(list("\\`*_{}[]()|~$#!<>&\n\r\t:/w. -a1\x1b\u202e")), max_size=60)


@given(NASTY)
def test_text_breaks_nothing(text: str) -> None:
    assert UNESCAPED.search(plain(text)) is None
    assert "://" not in plain(text)
    assert "www." not in plain(text)
    # In a span of code no character means anything but these.
    assert code(text) == plain(text) or re.fullmatch(r"`[^`|\n]+`", code(text))


@given(NASTY)
def test_whatever_a_service_says_the_page_keeps_its_form(text: str) -> None:
    """Of as many lines, the lines of tables with as many cells."""
    text = f"x{text}"
    session = replace(SESSION, backend=text, session_id=text, name=text, account=text)
    job = replace(JOB, job_id=text, primitive=text, status=text, reason=text)
    page = recap_markdown(Recap(session, 0, 75.2, [JobRecap(job, (text,), [BELL])]))
    lines = page.splitlines()
    assert len(lines) == len(PAGE.splitlines())
    for line, ours in zip(lines, PAGE.splitlines(), strict=True):
        cells = re.split(r"(?<!\\)(?:\\\\)*\|", line)
        assert len(cells) == len(re.split(r"\|", ours)), line


def test_names_cannot_end_their_block() -> None:
    values = ParameterValues({"```": [0.0, 1.0]}, (2,))
    swept = SampledPub({"c": BitSamples(bytes(2), 1, 1, (2,))}, caption=Caption("a", values))
    page = recap_markdown(replace(DONE, jobs=[JobRecap(JOB, (), [swept])]))
    assert "\n````text\n```  " in page
    assert page.endswith("\n````\n")


def test_long_text_is_cut() -> None:
    assert plain("x" * 1000) == "x" * 300 + "…"


def test_failure() -> None:
    error = ServiceUnavailableError("No <answer>.", advice="Try again.")
    assert failure_markdown(error) == (
        "### qrsession: no session was opened\n\nNo &lt;answer&gt;.\n\nTry again.\n"
    )
