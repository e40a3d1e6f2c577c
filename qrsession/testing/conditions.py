"""Under which conditions a test's runtime serves."""

from dataclasses import dataclass
from pathlib import Path

from qrsession.errors import InvalidValueError
from qrsession.local.conditions import Conditions


@dataclass(frozen=True, slots=True)
class RuntimeConditions:
    """What a runtime for tests is started with. Runtimes of equal conditions are alike.

    Attributes:
        plan: The plan of its account: ``local``, ``open``, ``payg`` or ``premium``.
        clock_rate: How many seconds of sessions, limits and usage pass in one of real time.
        usage_limit_s: What may be used in 28 days, in seconds; None for what the plan allows.
        submissions_per_minute: How many jobs it takes in a minute; None for any number.
        ideal: Whether twins of devices run without noise.
        twins: A folder of snapshots of devices; None for those that are installed.
        workers: How many jobs run at once. Each is a process that holds Qiskit.
    """

    plan: str = "local"
    clock_rate: float = 1.0
    usage_limit_s: float | None = None
    submissions_per_minute: int | None = None
    ideal: bool = False
    twins: Path | None = None
    workers: int = 1

    def arguments(self) -> tuple[str, ...]:
        """Return these conditions as arguments of ``python -m qrsession.local``.

        Raises:
            InvalidValueError: One is out of bounds.
        """
        if self.workers < 1:
            raise InvalidValueError("There must be at least one worker.")
        served = Conditions(
            clock_rate=self.clock_rate,
            submissions_per_minute=self.submissions_per_minute,
            plan_name=self.plan,
            usage_limit_s=self.usage_limit_s,
        )
        given = [*served.checked_arguments(), "--workers", str(self.workers)]
        if self.ideal:
            given.append("--ideal")
        if self.twins is not None:
            given += ["--twins", str(self.twins.absolute())]
        return tuple(given)
