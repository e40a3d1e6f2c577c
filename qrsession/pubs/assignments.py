"""Values of parameters as people write them: ``theta=0.3``."""

import math
from collections.abc import Sequence

from qrsession.errors import InvalidValueError
from qrsession.pubs.values import ParameterValues


def parse_values(assignments: Sequence[str]) -> ParameterValues:
    """Read values of parameters from ``name=0.3``.

    Raises:
        InvalidValueError: One is of another form, or no finite number.
    """
    values: dict[str, float] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not name.strip() or not equals or not math.isfinite(value):
            raise InvalidValueError(
                f"{assignment!r} gives no parameter a value.", advice="Write --param theta=0.3"
            )
        values[name.strip()] = value
    return ParameterValues.single(values)
