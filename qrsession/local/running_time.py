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

from qrsession.protocol.executions import roughly_s


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
    return round(roughly_s(program_id, params, configuration), 1)
