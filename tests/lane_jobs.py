"""Jobs as lanes take them."""

import json
from typing import Any

from qrsession.local.lanes.lane import LaneJob
from tests.sample_circuits import BELL


def job(circuit: Any = BELL, *, shots: int = 100, **changes: Any) -> LaneJob:
    """Return a job for the sampler, its circuit measured into register c."""
    params = {"pubs": [[circuit, None, shots]], "version": 2}
    fields: dict[str, Any] = {
        "job_id": "job",
        "program_id": "sampler",
        "params_json": json.dumps(params).encode(),
        "backend": "aer_simulator",
        "seed": 12345,
        "cost_s": None,
    }
    return LaneJob(**(fields | changes))
