"""The terms of a wait for jobs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from qrsession.results.outcomes import result_command
from qrsession.waiting.single import Deadline


@dataclass(frozen=True)
class Terms:
    """What ends a wait, and how it is taken up again.

    Attributes:
        deadline: When it ends at the latest; one that is over already means one look.
        any_end: Whether the first end of a job decides, in place of the ends of all.
        fail_fast: Whether the first failure or cancellation ends the wait; the others go on.
        cancel_on_timeout: Whether the jobs that are left are cancelled at the deadline.
        takes_private: Whether the results of private jobs are read, which can be done once.
        needs_pubs: Whether a result that cannot be read as pubs is an error.
        resume: Makes the command that takes the wait up again, of the ids of the jobs.
    """

    deadline: Deadline = field(default_factory=lambda: Deadline(None))
    any_end: bool = False
    fail_fast: bool = False
    cancel_on_timeout: bool = False
    takes_private: bool = True
    needs_pubs: bool = True
    resume: Callable[[Sequence[str]], str] = result_command
