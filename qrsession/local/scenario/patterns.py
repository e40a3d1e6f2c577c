"""Paths that rules apply to, as patterns that are matched quickly whatever a request asks for.

Python's regular expressions try one way after another, and ``(a+)+b`` has more ways than there is
time, in which the runtime would answer nobody. So how many ways a pattern has is counted before it
is used, and only paths of a length that the API's own have are matched against it.
"""

import re
import warnings
from dataclasses import dataclass

from qrsession.errors import InvalidValueError

# The longest path of the API names a backend of 100 characters.
LONGEST_PATH = 200
_LONGEST_PATTERN = 1000
# Three times "any text", which take some hundredths of a second.
_MOST_WAYS = (LONGEST_PATH + 1) ** 3
# From here on two ways each are more than that.
_MANY_TIMES = 32

_SEGMENT = re.compile(r"\\\{[^{}/]+\\\}")
_NAMES = re.compile(r"\{[^{}/]+\}")
_GROUP = re.compile(r"\((?!\?)|\(\?(?:P<\w+>|[:=!])")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_QUANTIFIER = re.compile(r"(?:([*+?])|\{(\d*)(,?)(\d*)\})[?+]?")
_LITERAL = re.compile(r"\\.|.", re.DOTALL)


def path_pattern(template: str, where: str) -> re.Pattern[str]:
    """Return the pattern of a path in which ``{name}`` stands for one segment.

    Raises:
        InvalidValueError: A segment has several names.
    """
    if any(len(_NAMES.findall(segment)) > 1 for segment in template.split("/")):
        raise InvalidValueError(
            f"{where} has several names in one segment.", details={"path": where}
        )
    return re.compile(_SEGMENT.sub("[^/]+", re.escape(template)))


def safe_pattern(text: str, where: str) -> re.Pattern[str]:
    """Compile a regular expression that cannot keep the runtime busy.

    Raises:
        InvalidValueError: It is none, or one whose matching could take very long.
    """
    if len(text) > _LONGEST_PATTERN:
        raise InvalidValueError(
            f"{where} is longer than {_LONGEST_PATTERN} characters.", details={"path": where}
        )
    try:
        with warnings.catch_warnings():
            # Of what a future Python may take for something else: it says so itself then.
            warnings.simplefilter("ignore", FutureWarning)
            pattern = re.compile(text)
        ways = _Count(text).ways()
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidValueError(
            f"{where} is no regular expression: {error}.", details={"path": where}
        ) from error
    if ways > _MOST_WAYS:
        raise InvalidValueError(
            f"{where} could take very long to match: it repeats too much.",
            advice="Repeat no group that has a repetition or a choice within it, and use at most "
            "three repetitions.",
            details={"path": where},
        )
    return pattern


@dataclass(slots=True)
class _Count:
    """Counts in how many ways a pattern can match a path, at most. One pass through its text."""

    text: str
    at: int = 0

    def ways(self) -> int:
        """Return how many there are, up to one more than are taken."""
        ways = branch = 1
        is_first = True
        while self.at < len(self.text) and self.text[self.at] != ")":
            if self.text[self.at] == "|":
                self.at += 1
                ways = branch if is_first else ways + branch
                branch, is_first = 1, False
                continue
            branch = _bounded(branch * self._repeated(self._atom()))
        return _bounded(branch if is_first else ways + branch)

    def _atom(self) -> int:
        """Pass a character, a class or a group, and return in how many ways it matches."""
        if self.text[self.at] == "(":
            opening = _GROUP.match(self.text, self.at)
            if opening is None:
                # Flags, comments and conditions would make the rest mean something else.
                raise re.error("only plain groups are taken, (?:, (?P<name>, (?= and (?!")
            self.at = opening.end()
            ways = self.ways()
            self.at += 1
            return ways
        single = _CLASS.match(self.text, self.at) or _LITERAL.match(self.text, self.at)
        self.at = len(self.text) if single is None else single.end()
        return 1

    def _repeated(self, ways: int) -> int:
        """Pass the quantifier of an atom, if it has one, and return the ways of both."""
        found = _QUANTIFIER.match(self.text, self.at)
        if found is None:
            return ways
        sign, low, comma, high = found.groups()
        if sign is None and not (low or high or comma):
            return ways
        self.at = found.end()
        if sign == "?":
            return 1 + ways
        least = int(low or 0)
        most = least if low and not comma else int(high or LONGEST_PATH)
        numbers = max(min(most, LONGEST_PATH) - least, 0) + 1
        return _bounded(numbers * ways ** min(most, _MANY_TIMES))


def _bounded(ways: int) -> int:
    return min(ways, _MOST_WAYS + 1)
