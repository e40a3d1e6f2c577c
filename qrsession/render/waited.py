"""Jobs that were waited for: a table on a terminal, lines of id and state elsewhere."""

from typing import TYPE_CHECKING

from qrsession.render.tables import Column, seconds_text, table_text
from qrsession.render.terminal import Terminal, clean
from qrsession.render.views import state_cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrsession.verbs.reports import JobReport


def waited_text(jobs: "Sequence[JobReport]", terminal: Terminal) -> str:
    """Return a line for each job: its id, a tab and its state; on a terminal what is known."""
    if not jobs:
        return ""
    if not terminal.is_terminal:
        return "".join(f"{clean(job.job_id)}\t{clean(job.status)}\n" for job in jobs)
    columns = (
        Column("JOB"),
        Column("STATUS"),
        Column("USAGE", is_quantity=True),
        Column("REASON", can_fold=True),
    )
    rows = [
        (job.job_id, state_cell(job.status), seconds_text(job.usage_s), job.reason or "")
        for job in jobs
    ]
    has_reason = any(job.reason for job in jobs)
    shown = len(columns) if has_reason else len(columns) - 1
    return table_text(columns[:shown], [row[:shown] for row in rows], terminal)
