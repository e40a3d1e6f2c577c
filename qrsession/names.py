"""Names of sessions and accounts: their form, word pairs where none is given, and lists of them."""

import os
import re
from collections.abc import Callable, Container, Sequence

from qrsession.errors import InvalidValueError, QrsessionError

# Stands for the last job of a session, wherever a job may be named.
LAST_JOB = "@last"

_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LONGEST = 63
# Of several things that failed, as many are named.
_MOST_FAILURES = 8

_FIRST = (
    "able amber ample azure bold brave brief bright brisk broad calm civil clean clear close cool "
    "coral crisp dapper deft eager early even fair fast fine firm fond free fresh gentle glad "
    "gold grand green happy hardy humble ivory jolly keen kind lively loyal lucid lunar mellow "
    "merry mild modest neat noble novel olive pale placid polar proud quick quiet rapid rare "
    "ready regal rosy sage sharp silver sleek smart smooth snug solar solid spry steady still "
    "stout sunny sure swift tidy true vivid warm wise witty young zesty"
)
_SECOND = (
    "acorn ant aspen badger basil bat bear beaver birch bison brook cedar cliff clover cobra crab "
    "crane creek crow deer delta dove duck eagle elk elm ember falcon fern finch fir fjord fox "
    "frog gecko geyser glade goose grove gull hare hawk hazel heron hill horse ibex inlet iris "
    "ivy jay koala lagoon lake lark lemur lily lion llama lotus lynx maple marsh meadow mole "
    "moose moss newt oak orca otter owl panda peak pearl pine plover pond poppy puma quail rabbit "
    "raven reef ridge river robin rose salmon seal shore sparrow spruce stork swan tapir tern "
    "thyme tiger toad trout tulip viper walnut wasp whale willow wolf wren yak zebra"
)
_TRIES = 20


def check_name(name: str, of: str = "a session") -> str:
    """Return the name of a session, or of what ``of`` says, if it has the form of one.

    Raises:
        InvalidValueError: It has another form.
    """
    if not _FORM.fullmatch(name):
        raise InvalidValueError(
            f"{name[:80]!r} cannot be the name of {of}.",
            advice=f"Use 1 to {_LONGEST} letters, digits, '.', '_' and '-'; "
            "a letter or digit comes first.",
            details={"name": name},
        )
    return name


def _random_below(limit: int) -> int:
    return int.from_bytes(os.urandom(8), "big") % limit


def new_name(taken: Container[str], pick: Callable[[int], int] = _random_below) -> str:
    """Return a word pair like ``calm-otter`` that is not taken.

    Args:
        taken: Names in use.
        pick: Returns a random integer from 0 up to, not including, its argument.
    """
    first, second = _FIRST.split(), _SECOND.split()
    pair = ""
    for _ in range(_TRIES):
        pair = f"{first[pick(len(first))]}-{second[pick(len(second))]}"
        if pair not in taken:
            return pair
    return free_name(pair, taken)


def free_name(name: str, taken: Container[str]) -> str:
    """Return the name, with the lowest number from 2 added if it is taken."""
    free = name
    number = 2
    while free in taken:
        ending = f"-{number}"
        free = f"{name[: _LONGEST - len(ending)]}{ending}"
        number += 1
    return free


def joint_failure(
    undone: str, failures: Sequence[tuple[str, QrsessionError]], *, is_part: bool
) -> QrsessionError:
    """Return the first of failures, which names all of them where it is not everything.

    Args:
        undone: What was not done: ``Not closed``.
        failures: The names of what failed, and why; at least one.
        is_part: Whether it was done for others, so that a single one must be named.
    """
    _, first = failures[0]
    names = [name for name, _ in failures]
    message = first.message
    if len(names) > 1:
        message = f"{undone} are {listed(names, _MOST_FAILURES)}. {message}"
    elif is_part:
        message = f"{undone} is {names[0]}. {message}"
    return type(first)(message, advice=first.advice, details=first.details)


def listed(names: Sequence[str], most: int) -> str:
    """Return names as words of a sentence: the first few, and how many more there are."""
    if not names:
        return "none"
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
