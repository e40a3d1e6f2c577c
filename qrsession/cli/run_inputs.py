"""What goes into a run: values, observables and options, made of what the command line says."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrsession.errors import InvalidValueError, UsageError

if TYPE_CHECKING:
    from qrsession.cli.expected import Expected
    from qrsession.options import Options
    from qrsession.pubs.values import ParameterValues
    from qrsession.pubs.wanted import WantedObservables
    from qrsession.verbs.option_trees import OptionTree

_ESTIMATOR = "estimator"
_STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Measuring:
    """How exactly something is measured, as the command line says.

    Attributes:
        primitive: ``sampler`` or ``estimator``.
        shots: ``--shots``.
        precision: ``--precision``.
        observables: ``--observable``, each.
    """

    primitive: str
    shots: int | None
    precision: float | None
    observables: Sequence[str]

    @property
    def is_estimated(self) -> bool:
        """Whether the estimator does it."""
        return self.primitive == _ESTIMATOR

    def check(self) -> None:
        """Refuse what does not go with the primitive.

        Raises:
            UsageError: The sampler is given observables or a precision; or the estimator is given
                both a precision and shots.
            InvalidValueError: The precision is not above 0.
        """
        given = {"--observable": self.observables, "--precision": self.precision is not None}
        names = [name for name, value in given.items() if value]
        if names and not self.is_estimated:
            raise UsageError(
                f"The sampler counts bits, and takes no {' and no '.join(names)}.",
                advice="Add --primitive estimator.",
            )
        if self.shots is not None and self.precision is not None:
            raise UsageError(
                "--precision says how many shots are taken, and --shots says it too.",
                advice="Leave one of them out.",
            )
        if self.precision is not None and not 0 < self.precision < math.inf:
            raise InvalidValueError(f"precision is {self.precision}; it must be above 0.")

    def wanted(self, expected: "Expected | None") -> "WantedObservables":
        """Return what is estimated: what is asked for, and what something is expected of.

        Raises:
            UsageError: There is nothing to estimate.
            InvalidValueError: An observable cannot be read.
        """
        from qrsession.pubs.wanted import WantedObservables  # noqa: PLC0415 - as below

        if not self.is_estimated:
            return WantedObservables()
        from qrsession.pubs.observable_lists import read_observables  # noqa: PLC0415 - few estimate

        found = read_observables(self.observables)
        if expected is not None:
            found = found.with_also(expected.observables)
        if not found:
            raise UsageError(
                "The estimator needs an observable: what it is to estimate.",
                advice='Add --observable ZZ (a letter for each qubit), "0.5*ZZ + 0.2*XI", or '
                "@file.json.",
            )
        return found

    def options(self, tree: "OptionTree", **over: Any) -> "Options":
        """Return the job's options: those of the tree, and over them those of the command line.

        Args:
            tree: The options of a file, and single settings.
            over: Options of the command line, by their names in `Options`; None: not given.

        Raises:
            InvalidValueError: One is out of bounds.
        """
        from qrsession.options import Options  # noqa: PLC0415 - the help needs none of it
        from qrsession.protocol.options import merged  # noqa: PLC0415 - as above
        from qrsession.verbs.runs import check_shots  # noqa: PLC0415 - as above

        given = {name: value for name, value in over.items() if value is not None}
        found = merged(tree.merged(), given)
        if self.precision is not None:
            # The service would put it over the precision.
            found.pop("default_shots", None)
        if self.is_estimated and self.shots is not None:
            found["default_shots"] = check_shots(self.shots)
        return Options(**found)


def check_stdin(circuits: Sequence[str], params: str | None, *, stdin_params: bool) -> None:
    """Refuse to read two things from standard input.

    Raises:
        UsageError: Two of a circuit, the values of parameters, and lines of them are to come from
            there.
    """
    wants = {
        "a circuit": _STANDARD_INPUT in circuits,
        "--params": params == _STANDARD_INPUT,
        "--stdin-params": stdin_params,
    }
    readers = [name for name, is_wanted in wants.items() if is_wanted]
    if len(readers) > 1:
        raise UsageError(
            f"Standard input cannot give both {readers[0]} and {readers[1]}.",
            advice="Give a file for one of them.",
        )


def values_of(param: Sequence[str], file: str | None, *, zipped: bool) -> "ParameterValues":
    """Return the values of parameters: those of a file, and over them those of the command line.

    Raises:
        InvalidValueError: One cannot be read, or they do not go together.
    """
    if not (param or file or zipped):
        from qrsession.pubs.values import ParameterValues  # noqa: PLC0415 - as above

        return ParameterValues()
    from qrsession.pubs.assignments import parse_values  # noqa: PLC0415 - as below

    points = None
    if file is not None:
        from qrsession.pubs.value_files import read_value_file  # noqa: PLC0415 - few runs have one

        points = read_value_file(file)
    return parse_values(param, points, zipped=zipped)


def tree_of(
    primitive: str, file: Path | None, settings: Sequence[str], *, as_is: bool
) -> "OptionTree":
    """Return the options of a file and single settings.

    Args:
        primitive: ``sampler`` or ``estimator``.
        file: A file of options, if one is given.
        settings: Single settings.
        as_is: Whether circuits are not to be transpiled, so that a level of the file counts for
            nothing. One that was set by itself contradicts that, which `transpilation_of` says.

    Raises:
        InvalidValueError: One cannot be read, is unknown, or is out of bounds.
    """
    from qrsession.verbs.option_trees import (  # noqa: PLC0415 - few runs have options
        OptionTree,
        read_option_tree,
    )

    if file is None and not settings:
        return OptionTree()
    tree = read_option_tree(primitive, file, settings)
    return tree.without("optimization_level", "seed_transpiler") if as_is else tree
