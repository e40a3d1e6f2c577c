"""How long a job would hold a device: an estimate made at its submission, from its params alone.

    2 s + (executions of a circuit) x (repetition time)

The 2 s stand for setting a job up, as in IBM's guide "Workload usage". The repetition time is the
delay between two shots: the ``rep_delay`` of the options, else the device's default, else 250
microseconds; the circuit's own few microseconds are left out. How executions are counted:
`qrsession.protocol.executions`.

It is what a device would take: a simulator takes as long as it takes, and is charged that.
"""

from collections.abc import Mapping
from typing import Any

from qrsession.protocol.executions import SETUP_S, roughly_s
from qrsession.protocol.quantum_programs import EXECUTOR

# Beyond, the others are taken to need as long as these do, so that a submission stays quick.
_MOST_PUBS_READ = 10_000


def estimate_s(
    program_id: str, params: Mapping[str, Any], configuration: Mapping[str, Any]
) -> float:
    """Return the estimated seconds of a job on a device, to a tenth.

    Params of a form that the lane will refuse count as little as they can.

    Args:
        program_id: ``sampler``, ``estimator`` or ``executor``.
        params: The params of the submission.
        configuration: The device's, whose ``default_rep_delay`` is in microseconds.
    """
    read, share = _first_pubs(program_id, params)
    return round(SETUP_S + (roughly_s(program_id, read, configuration) - SETUP_S) * share, 1)


def _first_pubs(program_id: str, params: Mapping[str, Any]) -> tuple[Mapping[str, Any], float]:
    """Return params with as many pubs as are read, and how many times as many there are."""
    if program_id == EXECUTOR:
        program = params.get("quantum_program")
        fewer, share = _first(program if isinstance(program, dict) else {}, "items")
        return {**params, "quantum_program": fewer}, share
    return _first(params, "pubs")


def _first(record: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], float]:
    listed = record.get(name)
    if not isinstance(listed, list) or len(listed) <= _MOST_PUBS_READ:
        return record, 1.0
    return {**record, name: listed[:_MOST_PUBS_READ]}, len(listed) / _MOST_PUBS_READ
