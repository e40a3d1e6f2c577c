"""What went wrong with a job, as IBM's codes and words."""

from qiskit.exceptions import QiskitError

from qrsession.errors import JobFailedError, QrsessionError
from qrsession.protocol import faults

_LONGEST_REASON = 1000


def failed(code: int, reason: str, solution: str) -> JobFailedError:
    """Make the error of a job that fails with a code of IBM's registry."""
    return JobFailedError(reason, advice=solution, details={"reason": reason, "reason_code": code})


def not_valid(
    reason: str, solution: str = "Correct the input and submit it again."
) -> QrsessionError:
    """Make the error of a job whose input cannot be run by anything."""
    return failed(faults.JOB_NOT_VALID, f"Job not valid. {reason}", solution)


def as_failure(error: Exception) -> tuple[int, str, str]:
    """Return code, reason and solution for whatever a program raised."""
    if isinstance(error, JobFailedError):
        return int(error.details["reason_code"]), error.message[:_LONGEST_REASON], error.advice
    if isinstance(error, QrsessionError):
        reason = f"Job not valid. {error.message}"[:_LONGEST_REASON]
        return faults.JOB_NOT_VALID, reason, error.advice
    if isinstance(error, MemoryError):
        return (
            faults.SIMULATOR_ERROR,
            "The job needs more memory than a lane of this runtime has.",
            "Use fewer qubits, shots or parameter values in a job.",
        )
    if isinstance(error, RecursionError):
        return (
            faults.JOB_NOT_VALID,
            "Job not valid. Its data is nested too deeply.",
            "Flatten the circuit.",
        )
    words = one_line(error)
    if isinstance(error, QiskitError):
        return faults.SIMULATOR_ERROR, f"Simulator error: {words}", "Change the circuit."
    return (
        faults.JOB_FAILED_TO_RUN,
        f"The job could not be run: {words}",
        "See the job's log, and report what it says.",
    )


def one_line(error: BaseException) -> str:
    """Return an exception's message on one line; its type where it has none."""
    words = " ".join(str(error).strip("'\" \n").split()) or type(error).__name__
    return words[:_LONGEST_REASON]
