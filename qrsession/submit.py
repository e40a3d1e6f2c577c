"""Submission of jobs: an intent on disk before, a record after, and never a blind second try.

The service has no idempotency key, so each job bears a tag of its own by which it can be found
where the reply to its submission was lost. See "Exactly once" in docs/explanation.md.
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from qrsession.entries import Intent, JobEntry
from qrsession.errors import (
    QrsessionError,
    ReplyLostError,
    ServiceUnavailableError,
    SubmissionUnknownError,
    WireFormatError,
)
from qrsession.protocol.models import JobCreated, JobRequest
from qrsession.service import RuntimeService
from qrsession.tags import new_tag

# A service shows a new job in its list after a while; a proxy delivers a request late.
_LOOK_UP_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0)


def submit(
    service: RuntimeService,
    request: JobRequest,
    *,
    files: tuple[str, ...] = (),
    detached: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> JobCreated:
    """Submit a job so that it exists once, and record its id before returning.

    Args:
        service: Where to.
        request: The job, with the user's tags alone.
        files: The circuit files that it was made of, for the record.
        detached: Whether nobody is going to wait for it, for the record.
        sleep: How to wait between two looks for a job whose reply was lost.

    Raises:
        SubmissionUnknownError: The reply was lost and the job was not found since. It is not
            submitted again; its intent stays on disk under the tag in ``details``.
        QrsessionError: The service did not accept it.
    """
    intent = Intent(
        tag=new_tag(),
        account=service.account.name,
        instance=service.instance,
        session_id=request.session_id,
        backend=request.backend,
        program_id=request.program_id,
        created_at=datetime.now(UTC),
        pid=os.getpid(),
        host=socket.gethostname(),
    )
    service.records.write_intent(intent)
    created = _send(service, request, intent.tag, sleep)
    service.records.add_job(
        JobEntry(
            job_id=created.job_id,
            session_id=request.session_id,
            backend=created.backend,
            primitive=request.program_id,
            account=service.account.name,
            instance=intent.instance,
            submitted_at=intent.created_at,
            tag=intent.tag,
            tags=request.tags,
            files=files,
            detached=detached,
        )
    )
    service.records.drop_intent(intent.tag)
    return created


def _send(
    service: RuntimeService, request: JobRequest, tag: str, sleep: Callable[[float], None]
) -> JobCreated:
    """Send a submission with its tag once; where its reply is lost, find the job by the tag."""
    tagged = replace(request, tags=(*request.tags, tag))
    try:
        return service.client.create_job(tagged)
    except QrsessionError as error:
        if not _is_in_doubt(error):
            # Refused, or never sent: there is nothing to find.
            service.records.drop_intent(tag)
            raise
    return _look_up(service, tagged, tag, sleep)


def _is_in_doubt(error: QrsessionError) -> bool:
    """Whether the job may exist: the reply was lost or damaged, or a server answered 5xx."""
    if isinstance(error, ReplyLostError | WireFormatError):
        return True
    return isinstance(error, ServiceUnavailableError) and "http_status" in error.details


def _look_up(
    service: RuntimeService, request: JobRequest, tag: str, sleep: Callable[[float], None]
) -> JobCreated:
    """Find the job that bears the tag, in the ten seconds or so in which it should show."""
    for delay_s in _LOOK_UP_DELAYS_S:
        sleep(delay_s)
        try:
            for job in service.client.list_jobs(tags=(tag,), limit=1):
                return JobCreated(job.job_id, job.backend or request.backend, job.session_id)
        except ServiceUnavailableError:
            service.reconnect()
    raise SubmissionUnknownError(
        f"The reply to the submission was lost, and no job with the tag {tag} was found since.",
        advice="It may still appear, so it was not sent again; its tag is in the message.",
        details={"tag": tag, "backend": request.backend, "session_id": request.session_id},
    )
