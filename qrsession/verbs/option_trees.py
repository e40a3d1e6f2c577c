"""The options of a job as a tree: from a file, and from single settings ``PATH=VALUE``."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qrsession.errors import InvalidTypeError, InvalidValueError, UnknownOptionError
from qrsession.option_tree import OWN
from qrsession.protocol.options import OPTIONS_OF, Field, Table, check_options, merged

LARGEST_FILE_BYTES = 2**20
# Those of the largest number that is a float.
_MOST_BITS = 1024
_ADVICE = "Write --set resilience.zne_mitigation=true"


@dataclass(frozen=True)
class OptionTree:
    """Options by name, in tables of tables.

    Attributes:
        from_file: Those of a file.
        settings: Those that were given one by one, which go over those of the file.
    """

    from_file: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def merged(self) -> dict[str, Any]:
        """Return both together."""
        return merged(self.from_file, self.settings)

    def chosen(self, name: str, given: Any) -> Any:
        """Return an option: as the command line gives it by itself, else as it is here."""
        return self.merged().get(name) if given is None else given

    def without(self, *names: str) -> "OptionTree":
        """Return it without some options of the file, which something else decides."""
        kept = {name: value for name, value in self.from_file.items() if name not in names}
        return OptionTree(kept, self.settings)


def table_of(primitive: str) -> Table:
    """Return all that can be said of a primitive's job: what `Options` takes."""
    # A file says nothing of an option by leaving it out: TOML has no null.
    table: Table = {
        name: replace(entry, nullable=False) if isinstance(entry, Field) else entry
        for name, entry in OWN.items()
        if name != "resilience_level" or primitive == "estimator"
    }
    return {**table, **OPTIONS_OF[primitive]}


def read_option_tree(primitive: str, file: Path | None, settings: Sequence[str]) -> OptionTree:
    """Read options for a primitive, and hold each by itself against what the primitive takes.

    Args:
        primitive: ``sampler`` or ``estimator``.
        file: A file in TOML, with the tables that `Options` takes; None: no file.
        settings: ``PATH=VALUE`` each, such as ``resilience.zne.noise_factors=[1, 3]``. A value is
            TOML; what is none is a string.

    Raises:
        InvalidValueError: The file cannot be read, a setting has another form, or an option is
            unknown or out of bounds. The message names its path and the nearest known name.
        InvalidTypeError: A value is of the wrong type.
    """
    from_file: dict[str, Any] = {}
    if file is not None:
        from_file = _read_file(file)
        _check_for(primitive, from_file, f"{file}: ")
    given: dict[str, Any] = {}
    for setting in settings:
        _put(given, setting)
    _check_for(primitive, given)
    return OptionTree(from_file, given)


def paths_of(table: Table, path: str = "") -> Iterator[tuple[str, Field]]:
    """Yield the path of each option in a table, and what is allowed there."""
    for name, entry in table.items():
        if isinstance(entry, Field):
            yield path + name, entry
        else:
            yield from paths_of(entry, f"{path}{name}.")


def _read_file(file: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - few runs have options, and all of them load this module

    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    if len(data) > LARGEST_FILE_BYTES:
        raise _unreadable(file, f"it has more than {LARGEST_FILE_BYTES // 2**20} MiB")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _unreadable(file, "it is no text in UTF-8") from None
    except RecursionError:
        raise _unreadable(file, "it is nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(file, f"it is no TOML: {error}") from None
    except InvalidValueError:
        raise
    except ValueError:
        # Python reads no whole number of thousands of digits.
        raise _unreadable(file, "it holds a number that is too long") from None


def _put(tree: dict[str, Any], setting: str) -> None:
    path, equals, text = setting.partition("=")
    *tables, name = [part.strip() for part in path.split(".")]
    if not equals or not name or not all(tables):
        raise InvalidValueError(f"{setting!r} sets no option.", advice=_ADVICE)
    table = tree
    for step in tables:
        table = table.setdefault(step, {})
        if not isinstance(table, dict):
            raise _contradiction(path)
    if name in table:
        raise _contradiction(path)
    table[name] = _value_of(text)


def _value_of(text: str) -> Any:
    import tomllib  # noqa: PLC0415 - as above

    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        # It is no TOML, or a whole number of thousands of digits, which Python reads as none.
        return text.strip()
    # A text of several lines would be several settings.
    return found["value"] if len(found) == 1 else text


def _check_for(primitive: str, tree: Mapping[str, Any], where: str = "") -> None:
    try:
        _check(tree, table_of(primitive), where)
    except UnknownOptionError as error:
        path = error.details["path"]
        for other in OPTIONS_OF.keys() - {primitive}:
            if _is_fit(tree, table_of(other)):
                raise UnknownOptionError(
                    f"{where}{path} is an option of the {other}; this is the {primitive}.",
                    advice=f"Leave it out, or add --primitive {other}.",
                    details={"path": path},
                ) from None
        raise


def _is_fit(tree: Mapping[str, Any], table: Table) -> bool:
    with suppress(InvalidValueError):
        _check(tree, table)
        return True
    return False


def _check(tree: Mapping[str, Any], table: Table, where: str = "") -> None:
    try:
        check_options(tree, table)
        _check_plain(tree, "options")
    except InvalidValueError as error:
        raise type(error)(
            where + error.message, advice=error.advice, details=error.details
        ) from None


def _check_plain(value: Any, path: str) -> None:
    """Refuse what TOML has and JSON has not: times, and numbers that are not finite."""
    if isinstance(value, Mapping):
        for name, entry in value.items():
            _check_plain(entry, f"{path}.{name}")
    elif isinstance(value, list):
        for entry in value:
            _check_plain(entry, path)
    elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
        # Written in base 16, it may have more digits than Python writes in base 10.
        raise InvalidValueError(f"{path} is too large a number.", details={"path": path})
    elif not isinstance(value, str | int | float) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise InvalidTypeError(f"{path} is {value}, which cannot be sent.", details={"path": path})


def _contradiction(path: str) -> InvalidValueError:
    return InvalidValueError(f"--set sets {path} twice.", advice="Leave one of them out.")


def _unreadable(file: Path, why: str) -> InvalidValueError:
    return InvalidValueError(
        f"{file} has no options: {why}.",
        advice="Write TOML, with tables as Options takes them: [resilience] zne_mitigation = true",
        details={"path": str(file)},
    )
