"""Which mode a session is opened in, and why. Pure."""

from enum import StrEnum
from typing import TYPE_CHECKING

from qrsession.errors import InvalidValueError, NotAuthorizedError, QrsessionError
from qrsession.protocol import faults
from qrsession.protocol.status import SessionMode

if TYPE_CHECKING:
    from qrsession.protocol.instances import Instance

# The plan that IBM's catalog calls so takes batches and single jobs alone.
PLAN_WITHOUT_SESSIONS = "open"


class OpenMode(StrEnum):
    """What ``--mode`` takes: a mode, or the best one that the plan allows."""

    DEDICATED = SessionMode.DEDICATED.value
    BATCH = SessionMode.BATCH.value
    AUTO = "auto"


def parse_mode(mode: str) -> OpenMode:
    """Read a session's mode.

    Raises:
        InvalidValueError: There is no such mode.
    """
    try:
        return OpenMode(mode)
    except ValueError:
        known = ", ".join(OpenMode)
        raise InvalidValueError(f"mode is {mode!r}; it must be one of {known}.") from None


def first_choice(mode: OpenMode, instance: "Instance | None") -> tuple[SessionMode, str | None]:
    """Return the mode to ask for, and the reason where ``auto`` chose it at once.

    Args:
        mode: What the user asked for.
        instance: What discovery says of the instance; None where it says nothing.
    """
    if mode is not OpenMode.AUTO:
        return SessionMode(mode.value), None
    if instance is not None and instance.plan == PLAN_WITHOUT_SESSIONS:
        reason = f"the plan {instance.plan} takes no dedicated sessions"
        return SessionMode.BATCH, f"This opens a batch: {reason}."
    return SessionMode.DEDICATED, None


def with_way_out(error: NotAuthorizedError) -> NotAuthorizedError:
    """Return an error that says what to type, where the plan refuses dedicated sessions."""
    if error.details.get("ibm_code") != faults.PLAN_REFUSES_SESSIONS:
        return error
    advice = "Open a batch: --mode batch, or --mode auto, which takes what the plan allows."
    return NotAuthorizedError(error.message, advice=advice, details=error.details)


def second_choice(mode: OpenMode, error: QrsessionError) -> str | None:
    """Return why a batch is opened after a dedicated session was refused; None: it is not.

    Only the refusal by the plan counts. It means that nothing was opened.
    """
    refused = error.details.get("ibm_code") == faults.PLAN_REFUSES_SESSIONS
    if mode is not OpenMode.AUTO or not refused:
        return None
    return f"This opens a batch, since a dedicated session was refused: {error.message}"
