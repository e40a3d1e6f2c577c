"""The error body of the API: ``{"errors": [{"code", "message", "solution"}], "trace"}``.

IBM documents string codes and sends numeric ones; both are read. Registry of the codes:
https://quantum.cloud.ibm.com/docs/errors
"""

import json
from dataclasses import dataclass
from typing import Any

# Codes that a client acts upon, or that the local runtime gives.
BACKEND_NOT_AVAILABLE = 1004
NOT_AUTHORIZED = 1200
BAD_CREDENTIALS = 1201
TOO_MANY_REQUESTS = 1202
TOO_MANY_TAGS = 1204
TAG_TOO_LONG = 1205
BAD_REQUEST = 1208
SESSION_CLOSED = 1217
RAN_TOO_LONG = 1305
PLAN_REFUSES_SESSIONS = 1352
NOT_ISA = 1517
NOT_QASM = 1603
SESSION_CLOSED_BEFORE_RUN = 4001
USAGE_LIMIT_REACHED = 4317
JOB_NOT_VALID = 3211
JOB_CANCELLED = 5202
JOB_FAILED_TO_RUN = 5203
SIMULATOR_ERROR = 5204
TOO_MANY_SHOTS = 6000
TOO_FEW_SHOTS = 6001
REP_DELAY_OUT_OF_RANGE = 6050
DELAY_NOT_ALIGNED = 8043
INTERNAL = 9999

MORE_INFO = "https://quantum.cloud.ibm.com/docs/errors"
_LONGEST_UNPARSED_MESSAGE = 300
_LONGEST_NUMERIC_CODE = 9


@dataclass(frozen=True)
class Fault:
    """What an error reply says.

    Attributes:
        status: The HTTP status.
        code: IBM's numeric code, or a word in its place, or None where the body has neither.
        message: What happened.
        solution: What to do about it, as the service sees it; may be empty.
        trace: The service's id of the failure, for its support; may be empty.
    """

    status: int
    code: int | str | None
    message: str
    solution: str = ""
    trace: str = ""

    def to_wire(self) -> dict[str, Any]:
        """Return the body that the service sends for this fault."""
        error = {"code": self.code, "message": self.message, "more_info": MORE_INFO}
        if self.solution:
            error["solution"] = self.solution
        return {"errors": [error], "trace": self.trace}

    @classmethod
    def from_reply(cls, status: int, body: str) -> "Fault":
        """Read an error reply. Never fails: a proxy's HTML page becomes the message, cut short."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        nothing_said = f"HTTP status {status} without a message"
        if not isinstance(document, dict):
            return cls(status, None, _one_line(body) or nothing_said)
        errors = document.get("errors")
        error = errors[0] if isinstance(errors, list) and errors else document.get("error")
        if isinstance(error, str):
            error = {"message": error}
        if not isinstance(error, dict):
            # IAM has these at the top, and so have gateways that stand before a service.
            error = {
                "code": document.get("errorCode", document.get("code")),
                "message": document.get("errorMessage") or document.get("message"),
            }
        return cls(
            status=status,
            code=_code(error.get("code")),
            message=_text(error.get("message")) or nothing_said,
            solution=_text(error.get("solution")),
            trace=_text(document.get("trace")),
        )


def _text(value: Any) -> str:
    """Return words that a service says; a list in their place may be nested without end."""
    return _one_line(str(value)) if isinstance(value, str | int | float) and value else ""


def _code(value: Any) -> int | str | None:
    if isinstance(value, str):
        is_number = value.isdecimal() and len(value) <= _LONGEST_NUMERIC_CODE
        return int(value) if is_number else _one_line(value) or None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and abs(value) < 10**_LONGEST_NUMERIC_CODE else None


def _one_line(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    words = " ".join(printable.split())
    if len(words) <= _LONGEST_UNPARSED_MESSAGE:
        return words
    return words[: _LONGEST_UNPARSED_MESSAGE - 1] + "…"
