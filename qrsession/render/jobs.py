"""Jobs of several sessions as people see them, and what a job logged."""

from datetime import datetime
from typing import TYPE_CHECKING

from qrsession.render.tables import Column, table_text
from qrsession.render.terminal import Terminal, cut
from qrsession.render.views import JOB_COLUMNS, job_row

if TYPE_CHECKING:
    from qrsession.verbs.job_lists import JobList
    from qrsession.verbs.reports import JobReport

_PLACE_COLUMNS = (Column("SESSION"), Column("BACKEND"))
_AFTER_ID = 1
_LONGEST_NAME = 17
# Below this width there is room for what tells one job from another, and no more.
_WIDTH_FOR_ALL = 120
_NARROW_TITLES = ("JOB", "SESSION", "STATUS", "CREATED", "USAGE")


def jobs_text(found: "JobList", terminal: Terminal, *, now: datetime) -> str:
    """Return a table of jobs; those of several sessions have their session and backend in it.

    On a narrow terminal the backend stands, in brackets, where a job has no session.
    """
    if not found.jobs and terminal.is_terminal:
        return "No jobs found.\n"
    is_narrow = terminal.is_terminal and terminal.width < _WIDTH_FOR_ALL
    rows = [list(job_row(job, terminal, now)) for job in found.jobs]
    columns = list(JOB_COLUMNS)
    if found.session is None:
        columns[_AFTER_ID:_AFTER_ID] = _PLACE_COLUMNS
        for row, job in zip(rows, found.jobs, strict=True):
            row[_AFTER_ID:_AFTER_ID] = [
                _session_of(job, found.names, terminal)
                or (f"({job.backend})" if is_narrow else ""),
                job.backend or "",
            ]
        if is_narrow:
            kept = [index for index, one in enumerate(columns) if one.title in _NARROW_TITLES]
            columns = [columns[index] for index in kept]
            rows = [[row[index] for index in kept] for row in rows]
    return table_text(columns, rows, terminal)


def logs_text(logs: str) -> str:
    """Return what a job logged, safe to show: its lines, without what moves a cursor."""
    lines = logs.replace("\r\n", "\n").split("\n")
    return "\n".join(_line(line) for line in lines).rstrip("\n")


def _line(line: str) -> str:
    return "".join(char for char in line if char.isprintable() or char == "\t").expandtabs()


def _session_of(job: "JobReport", names: dict[str, str], terminal: Terminal) -> str:
    if job.session_id is None or not terminal.is_terminal:
        return job.session_id or ""
    return cut(names.get(job.session_id, job.session_id), _LONGEST_NAME, terminal)
