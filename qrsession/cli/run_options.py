"""The options of ``run``, and what those of them that belong together mean."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError

if TYPE_CHECKING:
    from qrsession.circuits.sources import Transpilation
    from qrsession.submission.patience import Patience
    from qrsession.waiting.single import Deadline

DEFAULT_OPTIMIZATION_LEVEL = 2


class Primitive(StrEnum):
    """The primitives that circuits can be run with from the shell."""

    SAMPLER = "sampler"
    ESTIMATOR = "estimator"


Circuits = Annotated[
    list[str],
    typer.Argument(metavar="CIRCUIT...", help="OpenQASM 2 or 3 or QPY: files, globs, -, or @bell."),
]
PrimitiveOption = Annotated[
    Primitive, typer.Option("--primitive", help="What to run the circuits with.")
]
Shots = Annotated[
    int | None,
    typer.Option("--shots", metavar="N", help="Shots of each circuit; 4096 by default."),
]
Precision = Annotated[
    float | None,
    typer.Option(
        "--precision",
        metavar="X",
        help="The standard error that the estimator aims at; 0.015625 by default.",
    ),
]
ObservableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--observable",
        "-O",
        metavar="EXPR",
        help='What to estimate: "ZZ", "0.5*ZZ + 0.2*XI", @file.json; repeatable. '
        "Qubit 0 is on the right.",
    ),
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="A parameter's value, a list theta=0,0.5,1, or a sweep theta=0:pi:50 of 50 points, "
        "ends included; repeatable.",
    ),
]
Zip = Annotated[
    bool, typer.Option("--zip", help="Sweeps go along with each other: no product of them.")
]
ParamsFile = Annotated[
    str | None,
    typer.Option(
        "--params", metavar="FILE", help="Values of parameters at many points: JSON, CSV or NPZ."
    ),
]
OptionsFile = Annotated[
    Path | None,
    typer.Option("--options", metavar="FILE", help="Options of the job, in TOML."),
]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="One of them: resilience.zne_mitigation=true; repeatable, over those of the file.",
    ),
]
Backend = Annotated[
    str | None,
    typer.Option("--backend", "-b", metavar="NAME", help="Run on it without a session."),
]
OptimizationLevel = Annotated[
    int | None,
    typer.Option(
        "--optimization-level", metavar="0-3", help="How hard the transpiler tries; 2 by default."
    ),
]
SeedTranspiler = Annotated[
    int | None,
    typer.Option("--seed-transpiler", metavar="N", help="Makes its choices repeatable."),
]
FractionalGates = Annotated[
    bool,
    typer.Option("--fractional-gates", help="Transpile to rzz and rx of any angle, too."),
]
NoTranspile = Annotated[bool, typer.Option("--no-transpile", help="Send circuits as they are.")]
Tag = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="To find it by; repeatable.")
]
Private = Annotated[
    bool, typer.Option("--private", help="Keep nothing here; the result can be read once.")
]
MaxExecutionTime = Annotated[
    int | None,
    typer.Option(
        "--max-execution-time", metavar="S", help="The longest a job may run, in seconds."
    ),
]
EstimateOnly = Annotated[
    bool, typer.Option("--estimate", help="Print what it would use, and submit nothing.")
]
Separate = Annotated[bool, typer.Option("--separate", help="A job for each file, not one for all.")]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Print the job's id, and do not wait.")
]
Once = Annotated[
    str | None,
    typer.Option(
        "--once",
        metavar="KEY",
        help="Find the job of the same key and content; never submit it twice.",
        callback=options.not_empty,
    ),
]
StdinParams = Annotated[
    bool,
    typer.Option(
        "--stdin-params",
        help="Run once for each line of JSON values on stdin; answer each by a line of JSON.",
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Too many requests: give up, do not wait.")]


@dataclass(frozen=True)
class Unseen:
    """A run whose result nobody looks at, and the options that would be ignored in it.

    Attributes:
        option: The option that asks for that.
        why: The beginning of the sentence that refuses other options.
        advice: What to do about them.
        ignored: Their names.
    """

    option: str
    why: str
    advice: str
    ignored: frozenset[str]

    def refuse(self, given: Mapping[str, object]) -> None:
        """Refuse options that would be ignored.

        Args:
            given: The values of options by name; those that count as false were not given.

        Raises:
            UsageError: There are any.
        """
        names = [name for name, value in given.items() if value and name in self.ignored]
        if names:
            raise UsageError(f"{self.why} {', '.join(names)}.", advice=self.advice)


_OF_THE_RESULT = frozenset({"--format", "--output", "--on-timeout", "--fail-fast"})
_ESTIMATED = Unseen(
    "--estimate",
    "--estimate submits nothing, so there is nothing for",
    "Leave it out.",
    _OF_THE_RESULT | {"--detach", "--once", "--timeout", "--events", "--no-wait"},
)
_DETACHED = Unseen(
    "--detach",
    "--detach does not wait for the result, and so not for",
    "Give it to `qrsession result` or `qrsession wait` later.",
    _OF_THE_RESULT,
)


_ANSWERED = Unseen(
    "--stdin-params",
    "--stdin-params answers each line of values by a line of JSON, and takes no",
    "Leave it out.",
    frozenset(
        (
            *("--format", "--output", "--json", "--events", "--estimate", "--detach", "--once"),
            *("--separate", "--fail-fast", "--min-fidelity", "--max-tvd", "--reference"),
            *("--expect-value", "--junit"),
        )
    ),
)


def unseen_of(*, estimate: bool, detach: bool, stdin_params: bool = False) -> Unseen | None:
    """Return why nobody looks at the result as it is shown else, None where somebody does."""
    if stdin_params:
        return _ANSWERED
    return _ESTIMATED if estimate else _DETACHED if detach else None


def patience_of(context: Context, deadline: "Deadline", *, no_wait: bool) -> "Patience":
    """Return how long submission is tried: no longer than the command waits in all.

    Args:
        context: What every command shares.
        deadline: When the wait for the result ends, which has begun.
        no_wait: Whether too many requests are an error at once.
    """
    from qrsession.cli.telling import say_and_tell  # noqa: PLC0415 - the help needs none of it

    return replace(
        context.workspace.patience(0 if no_wait else deadline.timeout_s),
        left_s=lambda: deadline.left_s,
        say=say_and_tell(context.output),
    )


def environment_of(tags: list[str] | None, *, private: bool) -> dict[str, object]:
    """Return what is said of a job's surroundings, as far as something is."""
    return {**({"job_tags": tags} if tags else {}), **({"private": True} if private else {})}


def transpilation_of(
    level: int | None, seed: int | None, *, fractional_gates: bool, as_is: bool
) -> "Transpilation":
    """Return how circuits are made to fit the backend.

    Raises:
        UsageError: Circuits are to be sent as they are, and how to change them is said as well.
        InvalidValueError: There is no such level, or the seed is out of range.
    """
    from qrsession.circuits.sources import Transpilation  # noqa: PLC0415 - as above
    from qrsession.options import Options  # noqa: PLC0415 - as above

    if as_is:
        if level is not None or seed is not None or fractional_gates:
            raise UsageError("--no-transpile leaves no level, seed or gates to choose.")
        return Transpilation(None)
    options_of_level = Options(optimization_level=level, seed_transpiler=seed)
    chosen = options_of_level.optimization_level
    return Transpilation(
        DEFAULT_OPTIMIZATION_LEVEL if chosen is None else chosen,
        seed,
        use_fractional_gates=fractional_gates,
    )
