"""Jobs that are to exist once: the tag of a wish, and the service at which its job is."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qrsession.circuits.sources import Source
from qrsession.errors import InvalidValueError, JobNotFoundError
from qrsession.protocol.instances import account_of_crn
from qrsession.protocol.models import JobCreated
from qrsession.service import RuntimeService
from qrsession.tags import derived_tag

if TYPE_CHECKING:
    from qrsession.verbs.runs import RunRequest


def service_that_runs(created: JobCreated, service: RuntimeService) -> RuntimeService:
    """Return the service at a job's own instance.

    A job that is to exist once may have been submitted before, at another one of the account.
    """
    with suppress(JobNotFoundError, InvalidValueError):
        entry = service.records.find_job(created.job_id)
        if entry.instance not in {None, service.instance}:
            return RuntimeService.at_instance(
                service.account, entry.instance, settings=service.settings
            )
    return service


def tag_once(
    request: "RunRequest",
    groups: Sequence[Sequence[Source]],
    backend: str,
    instance: str | None,
) -> str | None:
    """Return the tag of a job that is to exist once: of the key and all that makes the job.

    Not of the session, so that a pipeline that is run again in a new one finds its job; and of the
    files rather than of the circuits, which the transpiler makes anew each time. Of the account,
    for what was tried on the local runtime is not what is wanted of a device of the same name.

    Args:
        request: What is to be run.
        groups: The files of the jobs up to and with this one.
        backend: The backend.
        instance: The instance (CRN), of which the account counts.
    """
    if request.once is None:
        return None
    contents = [[source.data for source in group] for group in groups]
    wanted: dict[str, Any] = {
        "backend": backend,
        "primitive": request.primitive,
        "shots": request.shots,
        # A single point is written as it always was, so that jobs of earlier runs are found.
        "values": {name: request.values.nested(name) for name in request.values.columns},
        "transpilation": asdict(request.transpilation),
        "options": request.options.to_request(request.primitive, {}, backend=backend).to_wire(),
        "program": request.options.for_primitive(request.primitive),
        # Of equal files, the first and the second are two jobs. Another file beside them, as a glob
        # may find one day, makes no difference to them.
        "number": contents[:-1].count(contents[-1]),
        "account": account_of_crn(instance),
    }
    # What came later counts where it is given alone, for the same reason.
    if request.observables:
        wanted["observables"] = [
            [[term.coefficient, term.letters] for term in one.terms]
            for one in request.observables.items
        ]
        wanted["has_axis"] = request.observables.has_axis
        wanted["precision"] = request.precision
        wanted["resilience_level"] = request.options.resilience_level
    content = json.dumps(wanted, sort_keys=True, default=repr)
    return derived_tag(request.once, content, *contents[-1])
