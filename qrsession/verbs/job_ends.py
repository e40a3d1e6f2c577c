"""Keeping what a job came to, whoever happened to ask for it."""

from contextlib import suppress

from qrsession.errors import StorageError
from qrsession.money.paying import settle
from qrsession.protocol.models import JobRecord
from qrsession.service import RuntimeService
from qrsession.verbs.reports import JobReport


def note_end(service: RuntimeService, record: JobRecord, *, is_known: bool) -> None:
    """Keep what a job came to, and give back what was reserved for it.

    What cannot be written now, a later command writes.

    Args:
        service: The service that it is at.
        record: The job, which has ended.
        is_known: Whether our records have it; others are no jobs of ours to keep.
    """
    settle(service, record)
    if not is_known:
        return
    with suppress(StorageError):
        report = JobReport.of_record(record)
        service.records.settle_job(
            record.session_id, record.job_id, status=report.status, usage_s=report.usage_s
        )
