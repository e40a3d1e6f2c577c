"""What is called when a job has its result, in a thread of its own."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from qrsession.errors import QrsessionError

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob

Callback: TypeAlias = Callable[[str, Any], None]

_LOGGER = "qrsession.callback"


def call_back(job: "RuntimeJob", callback: Callback) -> threading.Thread:
    """Call a function once with a job's id and its result, when that is there.

    A job that fails or is cancelled has none: that is logged as a warning, and ``job.result()``
    raises it. So is what the function itself raises, as an error with its traceback. The thread
    keeps the interpreter from its end until the function was called.

    Returns:
        The thread that waits for the result.
    """
    # No daemon: whoever gave a function and then leaves expects it to be called.
    thread = threading.Thread(
        target=_deliver, args=(job, callback), name=f"callback of {job.job_id()}", daemon=False
    )
    thread.start()
    return thread


def _deliver(job: "RuntimeJob", callback: Callback) -> None:
    import logging  # noqa: PLC0415 - commands start without it

    from qrsession.redaction import redacted  # noqa: PLC0415 - likewise

    logger = logging.getLogger(_LOGGER)
    try:
        result = job.result()
    except QrsessionError as error:
        why = redacted(error.message)
        logger.warning("The callback of job %s is not called: %s", job.job_id(), why)
        return
    except Exception:
        logger.exception("The result of job %s cannot be read for its callback.", job.job_id())
        return
    try:
        callback(job.job_id(), result)
    except Exception:
        # It belongs to nobody's call: unless it is told here, nobody hears of it.
        logger.exception("The callback of job %s failed.", job.job_id())
