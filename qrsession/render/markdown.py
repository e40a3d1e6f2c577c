"""A session's end as Markdown: what a CI machine shows beside its log.

What a server or a file says is text here as elsewhere: it can open no table, link, tag or block of
code. GitHub takes 1 MiB for a step, so the size is bounded, and what was left out is said.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product

from qrsession.duration import format_duration
from qrsession.errors import QrsessionError
from qrsession.protocol.status import SessionState
from qrsession.render.samples import samples_view
from qrsession.render.tables import seconds_text
from qrsession.render.terminal import Terminal, clean
from qrsession.render.views import usage_line
from qrsession.results.pubs import EstimatedPub, Pub, SampledPub
from qrsession.settings import LOCAL_ACCOUNT
from qrsession.verbs.recaps import JobRecap, Recap

# Source: GitHub, "Workflow commands": a step's summary may have 1 MiB, else none of it is shown.
MOST_BYTES = 2**20
MOST_RESULTS = 50
MOST_VALUES = 32
SIMULATED = "Simulated, not a QPU"
# A page is wider than a terminal, but not on a telephone.
_PAPER = Terminal(is_terminal=True, width=80)
_LONGEST_TEXT = 300
_MOST_FILES = 4
_LONGEST_FENCE = 3
# Kept for the last lines, which say what was left out.
_RESERVE_BYTES = 1024
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$#!])")
_PLAIN_CODE = re.compile(r"[A-Za-z0-9@._/-][A-Za-z0-9 ._:/@+=-]*")
_JOBS_HEAD = (
    "\n| job | circuits | primitive | status | usage | reason |\n"
    "| --- | --- | --- | --- | ---: | --- |\n"
)


def recap_markdown(recap: Recap, *, most_bytes: int = MOST_BYTES) -> str:
    """Return a session's end as a page: what it was, its jobs, and their results.

    Args:
        recap: The session's end.
        most_bytes: The most that may be said, in bytes of UTF-8. What does not fit is left out
            from the end, and that is said.
    """
    page = _Page(most_bytes - _RESERVE_BYTES)
    page.add(_head(recap))
    rows = _jobs_table(recap)
    fitting = page.add_lines(rows) if recap.jobs else 0
    left_out = recap.num_left_out + len(rows) - fitting
    if left_out:
        page.end(f"_{_number(left_out, 'job')} more in this session._\n")
    shown, with_results = 0, [job for job in recap.jobs if job.pubs]
    for job in with_results[:MOST_RESULTS]:
        if not page.add(_result(job)):
            break
        shown += 1
    if shown < len(with_results):
        page.end(
            f"_{_number(len(with_results) - shown, 'result')} more, left out here: "
            "`qrsession result JOB` prints one._\n"
        )
    return page.text


def failure_markdown(error: QrsessionError) -> str:
    """Return why no session could be opened."""
    lines = [f"### qrsession: no session was opened\n\n{plain(error.message)}\n"]
    if error.advice:
        lines.append(f"\n{plain(error.advice)}\n")
    return "".join(lines)


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line; of a long one the beginning."""
    shown = clean(text)
    if len(shown) > _LONGEST_TEXT:
        shown = f"{shown[:_LONGEST_TEXT]}…"
    shown = _SPECIAL.sub(r"\\\1", shown)
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # GitHub makes links of bare addresses.
    return shown.replace("://", ":\\//").replace("www.", "www\\.")


def code(text: str) -> str:
    """Return a name as code where it is plain, else as text."""
    return f"`{text}`" if _PLAIN_CODE.fullmatch(text) and text == text.strip() else plain(text)


def _head(recap: Recap) -> str:
    session = recap.session
    place = f" on {code(session.backend)}" if session.backend else ""
    outcome = "done" if recap.exit_code == 0 else f"exit code {recap.exit_code}"
    facts = [
        ("backend", code(session.backend or "")),
        ("mode", session.mode),
        ("state", _state(recap)),
        ("time", _time(recap)),
        ("usage", usage_line(session)),
        ("exit code", str(recap.exit_code)),
    ]
    # A title may not be empty, and a fact that is not known needs no column.
    known = [(title, value) for title, value in facts if value]
    lines = [
        f"### qrsession: {outcome}{place}\n\n",
        *_notes(recap),
        _row(title for title, _ in known),
        _row("---" for _ in known),
        _row(value for _, value in known),
        f"\nSession {code(session.session_id)} ({plain(session.name)}), ",
        f"account {code(session.account)}, opened {session.opened_at:%Y-%m-%d %H:%M:%S} UTC.\n",
    ]
    return "".join(lines)


def _notes(recap: Recap) -> Iterable[str]:
    session = recap.session
    if session.account == LOCAL_ACCOUNT:
        yield f"**{SIMULATED}**: this ran on the local runtime.\n\n"
    if recap.is_left_open:
        until = "" if session.max_time_s is None else f", {format_duration(session.max_time_s)}"
        yield (
            f"**The session is still open**: it could not be closed, and stays open until its "
            f"maximum time is up{until}. Close it: `qrsession close {session.session_id}`\n\n"
        )
    if not recap.is_told_by_service:
        yield "The service did not tell of the jobs: these are those that are known here.\n\n"


def _state(recap: Recap) -> str:
    if recap.is_left_open:
        return "**not closed**"
    is_closed = recap.session.state == SessionState.CLOSED
    return "closed" if is_closed else "closing, its jobs still run"


def _time(recap: Recap) -> str:
    limit = recap.session.max_time_s
    of = "" if limit is None else f" of {format_duration(limit)}"
    return f"{format_duration(recap.lasted_s)}{of}"


def _jobs_table(recap: Recap) -> list[str]:
    """Return the lines of jobs, without the table's head."""
    return [
        _row(
            (
                code(one.job.job_id),
                _files(one.files),
                code(one.job.primitive),
                plain(one.job.status),
                seconds_text(one.job.usage_s),
                plain(one.job.reason or (f"no result: {one.absence}" if one.absence else "")),
            )
        )
        for one in recap.jobs
    ]


def _files(files: Sequence[str]) -> str:
    shown = [code(file) for file in files[:_MOST_FILES]]
    left_out = len(files) - len(shown)
    return ", ".join([*shown, *([f"{left_out} more"] if left_out else [])])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _result(recap: JobRecap) -> str:
    """Return the section of one job's result."""
    lines = [f"\n#### Job {code(recap.job.job_id)}\n"]
    named = recap.files if len(recap.files) == len(recap.pubs) else ()
    for index, pub in enumerate(recap.pubs[:MOST_RESULTS]):
        title = code(named[index]) if named else f"pub {index}" if len(recap.pubs) > 1 else ""
        lines.append(f"\n{title}\n\n" if title else "\n")
        lines.append(_pub(pub))
    if len(recap.pubs) > MOST_RESULTS:
        lines.append(f"\n_{_number(len(recap.pubs) - MOST_RESULTS, 'pub')} more._\n")
    if recap.verdicts:
        lines += ["\n", *(f"- {plain(sentence)}\n" for sentence in recap.verdicts[:MOST_RESULTS])]
        rest = len(recap.verdicts) - MOST_RESULTS
        lines += [f"- {_number(rest, 'expectation')} more\n"] if rest > 0 else []
    return "".join(lines)


def _pub(pub: Pub) -> str:
    match pub:
        case SampledPub():
            return _block(samples_view([pub], _PAPER))
        case EstimatedPub():
            return _values(pub)


def _values(pub: EstimatedPub) -> str:
    """Return a table of expectation values, and of what it leaves out the span."""
    values = list(islice(_indexed(pub), MOST_VALUES))
    lines = [_row(("index", "expectation value", "standard error"))]
    lines.append("| --- | ---: | ---: |\n")
    lines += [_row((index, f"{ev:.6g}", f"{std:.2g}")) for index, ev, std in values]
    rest = pub.evs[MOST_VALUES:]
    if rest:
        span = f"from {min(rest):.6g} to {max(rest):.6g}"
        lines.append(f"\n_{_number(len(rest), 'value')} more, {span}._\n")
    return "".join(lines)


def _indexed(pub: EstimatedPub) -> Iterator[tuple[str, float, float]]:
    """Yield each value with its indices in the pub's shape, and its error."""
    indices = product(*map(range, pub.shape))
    for index, ev, std in zip(indices, pub.evs, pub.stds, strict=True):
        yield ",".join(map(str, index)), ev, std


def _block(text: str) -> str:
    """Return text as a block of code, with a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(_LONGEST_FENCE, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}\n"


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


class _Page:
    """A page that takes what fits."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._parts: list[str] = []

    @property
    def text(self) -> str:
        """What it took."""
        return "".join(self._parts)

    def add(self, part: str) -> bool:
        """Take a part if it fits, and return whether it did."""
        size = len(part.encode())
        if size > self._left:
            return False
        self._left -= size
        self._parts.append(part)
        return True

    def add_lines(self, rows: Sequence[str]) -> int:
        """Take a table of jobs, as many rows as fit, and return how many did."""
        if not self.add(_JOBS_HEAD):
            return 0
        taken = 0
        for row in rows:
            if not self.add(row):
                break
            taken += 1
        return taken

    def end(self, line: str) -> None:
        """Take a line for which room was kept."""
        self._parts.append(f"\n{line}")
