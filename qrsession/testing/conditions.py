"""Under which conditions a test's runtime serves."""

from dataclasses import dataclass
from pathlib import Path

from qrsession.errors import InvalidTypeError, InvalidValueError
from qrsession.local.conditions import Conditions

_NONE = type(None)
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "plan": ((str,), "a string"),
    "clock_rate": ((int, float), "a number"),
    "usage_limit_s": ((int, float, _NONE), "a number of seconds or None"),
    "submissions_per_minute": ((int, _NONE), "a whole number or None"),
    "ideal": ((bool,), "True or False"),
    "twins": ((Path, _NONE), "a pathlib.Path or None"),
    "workers": ((int,), "a whole number"),
}


@dataclass(frozen=True)
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

    def __post_init__(self) -> None:
        """Refuse values of other types where they are written, and not in a runtime's log.

        Raises:
            InvalidTypeError: There is one.
        """
        for name, (kinds, words) in _KINDS.items():
            value = getattr(self, name)
            is_flag = isinstance(value, bool)
            if not isinstance(value, kinds) or (is_flag and bool not in kinds):
                raise InvalidTypeError(f"{name} is {value!r}; it must be {words}.")

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
