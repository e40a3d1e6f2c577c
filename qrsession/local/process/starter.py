"""What a runtime in the background says to the process that started it, by a pipe.

One word of six bytes; after `FAILED` comes the error as JSON, so that whoever typed the command is
told what is wrong and not where to look for it.
"""

import contextlib
import json
import os
from typing import Any

from qrsession.errors import (
    LocalRuntimeError,
    QrsessionError,
    StorageError,
    UsageError,
)

READY = b"ready\n"
# Another runtime serves the home, and should be looked for.
TAKEN = b"taken\n"
FAILED = b"fails\n"
WORD_BYTES = 6

_KINDS = {kind.code: kind for kind in (LocalRuntimeError, StorageError, UsageError)}
# More than any error says, and less than a pipe holds.
LONGEST_ERROR_BYTES = 4096


class Starter:
    """The end of the pipe that the runtime has. The first word is the only one.

    Args:
        descriptor: The pipe, which is closed by the first word.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's signature
        self._descriptor: int | None = descriptor

    def tell(self, words: bytes) -> None:
        """Say how it went."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        with contextlib.suppress(OSError):
            # A reader that gave up is no reason to end.
            os.write(descriptor, words)
        os.close(descriptor)

    def explain(self, error: QrsessionError) -> None:
        """Say what kept the runtime from serving."""
        record = {"code": error.code, "message": error.message, "advice": error.advice}
        data = json.dumps({**record, "details": error.details}).encode()
        if len(data) > LONGEST_ERROR_BYTES:
            data = json.dumps({**record, "message": error.message[:1000]}).encode()
        self.tell(FAILED + data[:LONGEST_ERROR_BYTES])


def read_error(data: bytes) -> QrsessionError | None:
    """Return the error that a runtime explained; None where it is none that can be read."""
    try:
        record: Any = json.loads(data)
        kind = _KINDS.get(record["code"], LocalRuntimeError)
        details = dict(record.get("details") or {})
        return kind(str(record["message"]), advice=str(record["advice"]), details=details)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
