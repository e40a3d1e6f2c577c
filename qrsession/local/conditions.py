"""The conditions under which a runtime serves: what `serve` and `local start` can ask for."""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from qrsession.errors import InvalidValueError
from qrsession.local.scenario import Scenario, read_scenario

# Beyond, a millisecond of a laptop would be minutes of a session.
FASTEST_CLOCK = 100_000.0
SLOWEST_CLOCK = 0.01


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the service behaves; by default without any limit that a laptop has no need of.

    Attributes:
        clock_rate: How many seconds of sessions, limits and usage pass in one of real time.
        submissions_per_minute: How many jobs may be submitted in a minute of that clock; None for
            any number. IBM's service takes 5.
        scenario_file: Which requests go wrong; None for none.
    """

    clock_rate: float = 1.0
    submissions_per_minute: int | None = None
    scenario_file: Path | None = None

    def check(self) -> Scenario:
        """Hold the conditions against their bounds, and return the scenario.

        Raises:
            InvalidValueError: One is out of bounds, or the scenario is not valid.
        """
        rate = self.clock_rate
        if not (math.isfinite(rate) and SLOWEST_CLOCK <= rate <= FASTEST_CLOCK):
            raise InvalidValueError(
                f"The clock's rate is {rate:g}; it must be {SLOWEST_CLOCK:g} to {FASTEST_CLOCK:g}.",
            )
        if self.submissions_per_minute is not None and self.submissions_per_minute < 1:
            raise InvalidValueError("There must be at least one submission a minute.")
        return Scenario() if self.scenario_file is None else read_scenario(self.scenario_file)

    def checked_arguments(self) -> tuple[str, ...]:
        """Return these conditions as arguments of ``python -m qrsession.local``.

        Raises:
            InvalidValueError: One is out of bounds, or the scenario is not valid.
        """
        self.check()
        given: list[str] = []
        if self.clock_rate != 1:
            given += ["--clock-rate", repr(self.clock_rate)]
        if self.submissions_per_minute is not None:
            given += ["--submissions-per-minute", str(self.submissions_per_minute)]
        if self.scenario_file is not None:
            # The runtime in the background works in another folder.
            given += ["--scenario", str(self.scenario_file.absolute())]
        return tuple(given)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `conditions_of` reads."""
    parser.add_argument(
        "--clock-rate", type=float, default=1.0, metavar="X", help="an hour in 1/X of an hour"
    )
    parser.add_argument(
        "--submissions-per-minute", type=int, metavar="N", help="refuse more jobs with 429"
    )
    parser.add_argument(
        "--scenario", type=Path, metavar="FILE", help="which requests go wrong: TOML or JSON"
    )


def conditions_of(parsed: argparse.Namespace) -> Conditions:
    """Return the conditions that a command line asks for."""
    return Conditions(
        clock_rate=parsed.clock_rate,
        submissions_per_minute=parsed.submissions_per_minute,
        scenario_file=parsed.scenario,
    )
