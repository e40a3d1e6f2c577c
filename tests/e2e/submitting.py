"""A program that submits jobs under keys, and is killed while it does.

Arguments: a name for the keys, and the numbers of the first and beyond the last. It prints a line
for each job, and does what a pipeline does that is run again: the same keys, once more.
"""

import sys

from qrsession.client import rest
from qrsession.errors import ServiceUnavailableError, SubmissionUnknownError
from qrsession.protocol.models import JobRequest
from qrsession.service import RuntimeService
from qrsession.submission.patience import Patience
from qrsession.submission.submit import Sending, submit
from qrsession.tags import derived_tag
from tests.sample_circuits import BELL

BACKEND = "aer_simulator"
# As the times of a real service, but ten or a hundred times as fast.
PATIENCE = Patience(answered_s=0.6, lost_s=2.5, most_sends=8)
READ_TIMEOUT_S = 0.8


def tag_of(name: str, number: int) -> str:
    """Return the tag of a job that is wanted."""
    return derived_tag(f"{name}-{number}", BELL)


def request() -> JobRequest:
    """Return the job, which is the same for all keys."""
    params = {"pubs": [[BELL, None, 16]], "version": 2, "support_qiskit": True}
    return JobRequest(program_id="sampler", backend=BACKEND, params=params)


def tell(what: str, number: int, word: str) -> None:
    """Print a line that is out even if the next moment is the last."""
    sys.stdout.write(f"{what} {number} {word}\n")
    sys.stdout.flush()


def main(name: str, first: int, beyond: int) -> None:
    """Submit the jobs of these numbers, each once."""
    setattr(rest, "UPLOAD_TIMEOUT_S", READ_TIMEOUT_S)  # noqa: B010 - a name of another room
    service = RuntimeService("local")
    for number in range(first, beyond):
        sending = Sending(once=tag_of(name, number), patience=PATIENCE)
        while True:
            try:
                created = submit(service, request(), sending)
            except (SubmissionUnknownError, ServiceUnavailableError) as error:
                # Exit code 10 of the command line: the pipeline is run again.
                tell("again", number, error.code)
                continue
            tell("job", number, created.job_id)
            break


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
