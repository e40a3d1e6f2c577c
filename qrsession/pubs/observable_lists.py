"""Observables from options and files. No Qiskit here.

A file has one observable or a list of many, each as text (``"0.5*ZZ + 0.2*XI"``), as an object of
coefficients (``{"ZZ": 0.5}``), or as a list of pairs (``[["ZZ", 0.5], ["XI", 0.2]]``).
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from qrsession.errors import InvalidValueError
from qrsession.pubs.objects import unique
from qrsession.pubs.observables import Observable, Term, check_terms, parse_observable
from qrsession.pubs.wanted import WantedObservables

FILE_PREFIX = "@"
LARGEST_FILE_BYTES = 2**26
_PAIR = 2
_ADVICE = 'Give a list: ["ZZ", "0.5*XX - 0.5*YY", {"ZZ": 0.5, "XI": 0.2}, [["ZZ", 0.5]]].'


def read_observables(arguments: Sequence[str]) -> WantedObservables:
    """Read observables as they are given: as text, or ``@file.json``.

    Raises:
        InvalidValueError: One cannot be read.
    """
    items: list[Observable] = []
    has_axis = False
    for argument in arguments:
        if not argument.startswith(FILE_PREFIX):
            items.append(parse_observable(argument))
            continue
        found = parse_observable_file(_content(argument), argument[len(FILE_PREFIX) :])
        items += found.items
        has_axis |= found.has_axis
    return WantedObservables(tuple(items), has_axis or len(items) > 1)


def parse_observable_file(data: bytes, name: str) -> WantedObservables:
    """Read the bytes of a file of observables; a list of many is an axis of the result.

    Raises:
        InvalidValueError: It is no JSON, or has something that is no observable; the message names
            which.
    """
    if len(data) > LARGEST_FILE_BYTES:
        _refuse(name, f"it has more than {LARGEST_FILE_BYTES // 2**20} MiB")
    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=unique)
    except UnicodeDecodeError:
        _refuse(name, "it is no text in UTF-8")
    except InvalidValueError as twice:
        _refuse(name, twice.message.rstrip("."))
    except json.JSONDecodeError as error:
        _refuse(name, f"line {error.lineno}: it is no JSON: {error.msg}")
    except (ValueError, RecursionError):
        _refuse(name, "its numbers are too long, or it is nested too deeply")
    if not isinstance(document, list) or _is_pairs(document):
        return WantedObservables((_read(document, name, "it"),))
    if not document:
        _refuse(name, "its list is empty")
    items = (_read(one, name, f"entry {at}") for at, one in enumerate(document))
    return WantedObservables(tuple(items), has_axis=True)


def _read(value: Any, name: str, where: str) -> Observable:
    if isinstance(value, str):
        try:
            return parse_observable(value)
        except InvalidValueError as error:
            _refuse(name, f"{where}: {error.message.rstrip('.')}")
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or not pairs or not _is_pairs(pairs, of_dict=True):
        shown = json.dumps(value)
        _refuse(name, f"{where} is {shown[:60]}{'…' * (len(shown) > 60)}")  # noqa: PLR2004 - a line
    terms = []
    for letters, factor in pairs:
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            _refuse(name, f"{where}: the coefficient of {letters!r} is {json.dumps(factor)[:40]}")
        try:
            coefficient = float(factor)
        except OverflowError:
            coefficient = math.inf
        if not math.isfinite(coefficient):
            _refuse(name, f"{where}: the coefficient of {letters!r} is no finite number")
        terms.append(Term(coefficient, letters))
    text = " + ".join(_text(term) for term in terms).replace("+ -", "- ")
    problem = check_terms(terms)
    if problem:
        _refuse(name, f"{where}: {problem}")
    return Observable(text, tuple(terms))


def _text(term: Term) -> str:
    if term.coefficient in {1.0, -1.0}:
        return f"{'-' * (term.coefficient < 0)}{term.letters}"
    return f"{term.coefficient!r}*{term.letters}"


def _is_pairs(value: list[Any], *, of_dict: bool = False) -> bool:
    """Tell whether a list is one observable: pairs of letters and a coefficient."""
    if of_dict:
        value = [list(entry) if isinstance(entry, tuple) else entry for entry in value]
    return bool(value) and all(
        isinstance(entry, list)
        and len(entry) == _PAIR
        and isinstance(entry[0], str)
        and not isinstance(entry[1], str | list | dict)
        for entry in value
    )


def _content(argument: str) -> bytes:
    path = Path(argument[len(FILE_PREFIX) :])
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidValueError(
            f"{path} cannot be read: {reason}.",
            advice=f"{FILE_PREFIX} begins a file's name: --observable @observables.json",
            details={"path": str(path)},
        ) from error


def _refuse(name: str, why: str) -> NoReturn:
    raise InvalidValueError(
        f"{name} has no observables: {why}.", advice=_ADVICE, details={"path": name}
    ) from None
