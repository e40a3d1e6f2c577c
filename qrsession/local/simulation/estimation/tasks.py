"""What of an estimator's pub is measured together: points of the sweep that face the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qrsession.local.simulation.inputs.pubs import EstimatorPub


@dataclass(frozen=True, slots=True)
class Task:
    """Points of the sweep that face the same observables.

    Attributes:
        observables: The positions of those observables.
        points: The points.
        elements: For each point, its elements of the result, and which of ``observables`` each
            element is about.
    """

    observables: tuple[int, ...]
    points: list[int] = field(default_factory=list)
    elements: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = field(default_factory=list)

    def parts(self, size: int) -> Iterator["Task"]:
        """Yield tasks of at most so many of its points."""
        for start in range(0, len(self.points), size):
            here = slice(start, start + size)
            yield Task(self.observables, self.points[here], self.elements[here])


def tasks_of(pub: EstimatorPub) -> list[Task]:
    """Return what a pub consists of."""
    elements_of: dict[int, list[int]] = {}
    for element, point in enumerate(pub.point_of.tolist()):
        elements_of.setdefault(point, []).append(element)
    tasks: dict[tuple[int, ...], Task] = {}
    for point, elements in elements_of.items():
        distinct, faced = np.unique(pub.observable_of[elements], return_inverse=True)
        key = tuple(distinct.tolist())
        task = tasks.setdefault(key, Task(key))
        task.points.append(point)
        task.elements.append((np.array(elements), faced))
    return list(tasks.values())
