"""What a submission must look like before a lane sees it.

Circuits and arrays are left to the lane; here are the names, bounds and options that can be
checked without them. Source: API reference, "jobs"; schemas v0.1 of ibm-quantum-schemas.
"""

import gc
import json
import re
from typing import Any

from qrsession.errors import InvalidValueError
from qrsession.local.refusals import FaultError, as_refusal, bad_request
from qrsession.protocol import faults
from qrsession.protocol.bounds import LONGEST_TAG, MOST_TAGS
from qrsession.protocol.combinations import check_combination
from qrsession.protocol.faults import Fault
from qrsession.protocol.models import JobRequest
from qrsession.protocol.options import (
    OPTIONS_OF,
    RESILIENCE_LEVELS,
    Field,
    Table,
    check_options,
)
from qrsession.protocol.quantum_programs import EXECUTOR, check_quantum_program

_LONGEST_SESSION_ID = 36
_LONGEST_CALIBRATION_ID = 100
_LOG_LEVELS = frozenset({"critical", "error", "warning", "info", "debug"})
_COMMON_PARAMS: Table = {"options": Field(object), "support_qiskit": Field(bool)}
_PARAMS_OF: dict[str, Table] = {
    "sampler": {**_COMMON_PARAMS, "shots": Field(int, low=0, nullable=True)},
    "estimator": {
        **_COMMON_PARAMS,
        "precision": Field(float, low=0, above=True, nullable=True),
        "resilience_level": Field(int, low=RESILIENCE_LEVELS[0], high=RESILIENCE_LEVELS[-1]),
    },
}
_PROGRAMS = (*_PARAMS_OF, EXECUTOR)
# The documentation's examples send the text, and it is taken.
_VERSIONS = (2, "2")

_SPACE = re.compile(r"[ \t\n\r]*")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def split_params(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Parse the JSON object of a submission once.

    Returns the object, and the value of its ``params`` as the bytes that were sent, so that the
    lane gets them without another pass over what may be 50 MB.

    Raises:
        FaultError: It is no JSON object, or nested too deeply.
    """
    # Millions of small objects would be looked through again and again for garbage while they are
    # made, which takes six times as long as making them.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _split_params(body.decode())
    except (ValueError, RecursionError) as error:
        raise bad_request("The body is not a JSON object.") from error
    finally:
        if was_enabled:
            gc.enable()


def _split_params(text: str) -> tuple[dict[str, Any], bytes]:
    record: dict[str, Any] = {}
    params = "{}"
    at = _after_space(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("no object")
    at = _after_space(text, at + 1)
    if text[at : at + 1] == "}":
        at += 1
    else:
        separator = ","
        while separator == ",":
            if text[at : at + 1] != '"':
                raise ValueError("no name")
            name, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, at)
            if text[at : at + 1] != ":":
                raise ValueError("no value")
            start = _after_space(text, at + 1)
            record[name], at = _DECODER.raw_decode(text, start)
            if name == "params":
                params = text[start:at]
            at = _after_space(text, at)
            separator = text[at : at + 1]
            at = _after_space(text, at + 1)
        if separator != "}":
            raise ValueError("no end")
    if _after_space(text, at) != len(text):
        raise ValueError("more than one value")
    return record, params.encode()


def check_legacy(record: dict[str, Any]) -> None:
    """Refuse what submissions could ask for once: to open a session by its first job.

    IBM's service has refused it since March 2024; ignored, the job would run outside of it.

    Raises:
        FaultError: It is asked for.
    """
    if record.get("start_session"):
        raise bad_request(
            "start_session is not supported any more.",
            solution="Open a session first, and submit the job with its session_id.",
        )


def check_request(request: JobRequest) -> None:
    """Hold a submission against the bounds of the API, and its options against their table.

    Raises:
        FaultError: With IBM's code, and the path of the field where there is one.
    """
    check_tags(request.tags)
    if request.program_id not in _PROGRAMS:
        raise FaultError(
            Fault(
                404,
                faults.BAD_REQUEST,
                f"Program not found. Program ID: {request.program_id[:100]}",
                f"Use one of {', '.join(_PROGRAMS)}.",
            )
        )
    if request.cost_s is not None and request.cost_s < 0:
        raise bad_request("cost must not be negative.")
    if request.session_id is not None and not 1 <= len(request.session_id) <= _LONGEST_SESSION_ID:
        raise bad_request(f"session_id must have 1 to {_LONGEST_SESSION_ID} characters.")
    calibration_id = request.calibration_id
    if calibration_id is not None and not 1 <= len(calibration_id) <= _LONGEST_CALIBRATION_ID:
        raise bad_request(f"calibration_id must have 1 to {_LONGEST_CALIBRATION_ID} characters.")
    if request.log_level is not None and request.log_level.lower() not in _LOG_LEVELS:
        raise bad_request(f"log_level must be one of {', '.join(sorted(_LOG_LEVELS))}.")
    _check_params(request.program_id, request.params)


def check_tags(tags: tuple[str, ...]) -> None:
    """Hold tags against their number and length."""
    if len(tags) > MOST_TAGS:
        raise bad_request(
            f"{len(tags)} tags are too many.",
            code=faults.TOO_MANY_TAGS,
            solution=f"Use at most {MOST_TAGS} tags.",
        )
    if any(len(tag) > LONGEST_TAG for tag in tags):
        raise bad_request(
            "A tag is too long.",
            code=faults.TAG_TOO_LONG,
            solution=f"Use at most {LONGEST_TAG} characters.",
        )


def _check_params(program_id: str, params: dict[str, Any]) -> None:
    if program_id == EXECUTOR:
        try:
            check_quantum_program(params)
        except InvalidValueError as error:
            raise as_refusal(error) from error
        return
    rest = dict(params)
    if not isinstance(rest.pop("pubs", None), list):
        raise bad_request("params.pubs must be a list of pubs.")
    if rest.pop("version", _VERSIONS[0]) not in _VERSIONS:
        raise bad_request("params.version must be 2.")
    options = rest.get("options", {})
    if not isinstance(options, dict):
        raise bad_request("params.options must be a table of options.")
    try:
        check_options(rest, _PARAMS_OF[program_id], "params")
        check_options(options, OPTIONS_OF[program_id], "params.options")
        check_combination(program_id, params, "params.options")
    except InvalidValueError as error:
        raise as_refusal(error) from error


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
