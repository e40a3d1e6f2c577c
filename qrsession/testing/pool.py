"""Runtimes that tests share: one for each set of conditions, started when it is first needed."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from qrsession.testing.conditions import RuntimeConditions
from qrsession.testing.local_runtime import LocalRuntime

# Each has a process for itself and one for each of its workers, which hold Qiskit.
MOST_RUNTIMES = 3


class RuntimePool:
    """The runtimes of one test session. Those used least lately end where they become too many.

    Args:
        new_home: Makes a folder for a runtime.
    """

    def __init__(self, new_home: Callable[[], Path]) -> None:
        self._new_home = new_home
        self._runtimes: OrderedDict[RuntimeConditions, LocalRuntime] = OrderedDict()

    def under(self, conditions: RuntimeConditions) -> LocalRuntime:
        """Return the runtime of some conditions, which is up.

        Raises:
            LocalRuntimeError: It does not start.
            InvalidValueError: A condition is out of bounds.
        """
        runtime = self._runtimes.get(conditions)
        if runtime is None:
            runtime = LocalRuntime(conditions, home=self._new_home())
            while len(self._runtimes) >= MOST_RUNTIMES:
                self._runtimes.popitem(last=False)[1].close()
            self._runtimes[conditions] = runtime
        self._runtimes.move_to_end(conditions)
        runtime.start()
        return runtime

    def close(self) -> None:
        """End all of them."""
        while self._runtimes:
            self._runtimes.popitem()[1].close()
