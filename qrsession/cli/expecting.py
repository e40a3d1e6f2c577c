"""The options that say what is expected of results. What they mean is loaded where one is given."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.errors import UsageError

if TYPE_CHECKING:
    from qrsession.cli.expected import Expected
    from qrsession.cli.judging import Judge
    from qrsession.job import RuntimeJob

MinFidelity = Annotated[
    float | None,
    typer.Option(
        "--min-fidelity",
        metavar="X",
        help="Fail (exit code 11) where the fidelity with the ideal distribution is less.",
    ),
]
MaxTvd = Annotated[
    float | None,
    typer.Option(
        "--max-tvd",
        metavar="X",
        help="Fail where the total variation distance from it is more.",
    ),
]
Reference = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        metavar="FILE",
        help="The distribution to compare with, in place of the ideal one: JSON, or a result.",
    ),
]
ExpectValue = Annotated[
    list[str] | None,
    typer.Option(
        "--expect-value",
        metavar="EXPR",
        help='Fail where it does not hold: "ZZ=1±0.05", "ZZ>=0.9"; repeatable. '
        "Qubit 0 is on the right.",
    ),
]
ExpectBits = Annotated[
    list[str] | None,
    typer.Option(
        "--expect-value",
        metavar="EXPR",
        help='Fail where it does not hold: "ZZ=1±0.05", "ZZ>=0.9"; repeatable. '
        "A letter for each bit of the bitstrings.",
    ),
]
JunitFile = Annotated[
    Path | None,
    typer.Option(
        "--junit", metavar="FILE", help="Write a JUnit report to a file, failures included."
    ),
]


@dataclass(frozen=True)
class Asked:
    """What the options say, unread.

    Attributes:
        min_fidelity: The least fidelity, 0 to 1.
        max_tvd: The largest total variation distance, 0 to 1.
        reference: A file with distributions.
        expect_value: What is expected of observables, such as ``ZZ=1±0.05``.
        junit: Where the report goes.
    """

    min_fidelity: float | None
    max_tvd: float | None
    reference: Path | None
    expect_value: Sequence[str] = ()
    junit: Path | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether none of the options is given."""
        paths = (self.reference, self.junit)
        bounds = (self.min_fidelity, self.max_tvd)
        return not self.expect_value and all(one is None for one in (*bounds, *paths))


def expected_of(
    asked: Asked, *, unseen: str | None = None, is_estimated: bool = False
) -> "Expected | None":
    """Read the options, None where none of them is given.

    Args:
        asked: What they say.
        unseen: The option that says that nobody looks at the result, if one does.
        is_estimated: Whether the result has values of observables, in place of counts.

    Raises:
        UsageError: They do not go together.
        InvalidValueError: One of them cannot be read, or can never hold.
    """
    if asked.is_nothing:
        return None
    from qrsession.cli.expected import Expected  # noqa: PLC0415 - few runs expect anything

    return Expected.of(asked, unseen=unseen, is_estimated=is_estimated)


def expected_of_result(asked: Asked) -> "Expected | None":
    """Return the same for a result whose circuits are not known here.

    Raises:
        UsageError: There is nothing to compare with.
        InvalidValueError: One of them cannot be read.
    """
    compares = not (asked.min_fidelity is None and asked.max_tvd is None)
    if compares and asked.reference is None:
        raise UsageError(
            "The circuits of a result are not known here, so what should come out is not either.",
            advice="Give the distribution to compare with: --reference FILE.",
        )
    return expected_of(asked)


def reporting(
    judge: "Judge | None", jobs: "Sequence[RuntimeJob]" = ()
) -> AbstractContextManager[None]:
    """Return what writes the report of a block that fails, where one is asked for."""
    return nullcontext() if judge is None else judge.reporting(jobs)
