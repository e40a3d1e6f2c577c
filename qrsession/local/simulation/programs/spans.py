"""When the shots of a sampler's job ran, as its result says it: ``execution_spans``.

A pub's points run one after another, each with all of its shots, and a span covers a pub. Source:
the classes of ``qiskit_ibm_runtime.execution_span``.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qrsession.local.simulation.programs.writing import Shape, typed


@dataclass(frozen=True, slots=True)
class Span:
    """The run of a pub.

    Attributes:
        began: When its first shot ran: UTC, by the runtime's clock.
        ended: When its last one had run.
        shape: The pub's shape, without shots.
        shots: Shots of each point.
        split: The number of randomizations and the shots of each, where it was twirled. Together
            they may be a few more than ``shots``.
    """

    began: datetime
    ended: datetime
    shape: Shape
    shots: int
    split: tuple[int, int] | None = None

    def to_wire(self, index: int) -> dict[str, Any]:
        """Write it as the span of the pub at this position, which is all of that pub."""
        points = math.prod(self.shape)
        if self.split is None:
            kind = "DoubleSliceSpan"
            slices = [[*self.shape, self.shots], 0, points, 0, self.shots]
        else:
            kind = "TwirledSliceSpanV2"
            number, each = self.split
            rows = points * number
            # The axis of randomizations is the last but one, not the first.
            slices = [[*self.shape, number, each], False, 0, rows, 0, each, self.shots]
        return typed(
            kind,
            {
                "start": typed("datetime", self.began.isoformat()),
                "stop": typed("datetime", self.ended.isoformat()),
                "data_slices": {str(index): slices},
            },
        )
