"""Files with values of parameters: JSON, CSV and NPZ, told by what they hold.

JSON has ``{"theta": [0, 0.5, 1], "phi": 0.3}``, an NPZ file an array for each parameter: all of one
shape, which is that of the points, or single numbers, which hold for all points. In CSV the first
line has the names and each further one is a point.
"""

import csv
import io
import re
import sys
from array import array
from codecs import BOM_UTF8
from collections import Counter
from pathlib import Path
from typing import NoReturn

from qrsession.errors import InvalidValueError
from qrsession.pubs.nested import Numbers, parse_document, read_numbers
from qrsession.pubs.npz import read_npz
from qrsession.pubs.numbers import parse_number
from qrsession.pubs.values import MOST_VALUES, ParameterValues, check_finite, check_size

LARGEST_FILE_BYTES = 2**28
STANDARD_INPUT = "-"
_ZIP_MAGIC = b"PK"
_NPY_MAGIC = b"\x93NUMPY"
# In what office programs write: a ZIP file, too.
_OFFICE_MARKS = (b"[Content_Types].xml", b"mimetypeapplication/")
_ZIP_END_BYTES = 2**16
_DECIMAL_COMMA = re.compile(r"[+\-\u2212]?\d+,\d+(?:[eE][+-]?\d+)?")
_ADVICE = (
    'Give JSON {"theta": [0, 0.5]}, CSV with names in its first line, or an NPZ file of arrays.'
)
_Columns = dict[str, Numbers]


def read_value_file(name: str) -> ParameterValues:
    """Read a file with values of parameters, or standard input (``-``).

    Raises:
        InvalidValueError: It cannot be read, or holds something else.
    """
    shown = "Standard input" if name == STANDARD_INPUT else name
    try:
        if name == STANDARD_INPUT:
            if sys.stdin is None:
                raise ValueError("it is closed")  # noqa: TRY301 - said as of a file
            data = sys.stdin.buffer.read(LARGEST_FILE_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                # A pipe or a device does not know its size.
                data = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidValueError(
            f"{shown} cannot be read: {reason}.", advice=_ADVICE, details={"path": name}
        ) from error
    return parse_value_file(data, shown)


def parse_value_file(data: bytes, name: str) -> ParameterValues:
    """Read values of parameters from the bytes of a file, which tell what it holds.

    Args:
        data: JSON, CSV or NPZ.
        name: What the user calls the file, for messages.

    Raises:
        InvalidValueError: It holds something else; the message says where.
    """
    if len(data) > LARGEST_FILE_BYTES:
        _refuse(name, f"it has more than {LARGEST_FILE_BYTES // 2**20} MiB")
    try:
        values = _of_one_shape(_read_columns(data))
    except UnicodeDecodeError:
        _refuse(name, "it is neither text in UTF-8 nor an NPZ file")
    except InvalidValueError as error:
        _refuse(name, error.message.rstrip("."), error.advice)
    except ValueError as problem:
        _refuse(name, str(problem))
    check_finite(values, name)
    return values


def _read_columns(data: bytes) -> _Columns:
    if data.startswith(_ZIP_MAGIC):
        ends = data[:_ZIP_END_BYTES] + data[-_ZIP_END_BYTES:]
        if any(mark in ends for mark in _OFFICE_MARKS):
            raise InvalidValueError(
                "it is a document of an office program", advice="Save the sheet as CSV."
            )
        return read_npz(data)
    if data.startswith(_NPY_MAGIC):
        raise ValueError("a single array has no name; save it with numpy.savez(theta=...)")
    text = data.removeprefix(BOM_UTF8).decode()
    if not text.strip():
        raise ValueError("it is empty")
    return _read_json(text) if text.lstrip()[0] in "{[" else _read_csv(text)


def _of_one_shape(columns: _Columns) -> ParameterValues:
    if not columns:
        raise ValueError("it has no parameter")
    shaped = {name: shape for name, (_, shape) in columns.items() if shape}
    first, shape = next(iter(shaped.items()), ("", ()))
    for name, other in shaped.items():
        if other != shape:
            raise ValueError(f"{first} has values of the shape {shape}, {name} of {other}")
    check_size(shape, len(columns))
    points = ParameterValues({}, shape).num_points
    return ParameterValues(
        {name: numbers if own else numbers * points for name, (numbers, own) in columns.items()},
        shape,
    )


def _read_json(text: str) -> _Columns:
    try:
        document = parse_document(text)
    except ValueError as problem:
        raise ValueError(f"it {problem}") from None
    if not isinstance(document, dict):
        raise ValueError("it has values without names")  # noqa: TRY004 - the file, not the caller
    columns: _Columns = {}
    for name, value in document.items():
        try:
            columns[name] = read_numbers(value)
        except ValueError as problem:
            raise ValueError(f"{name} {problem}") from None
    return columns


def _read_csv(text: str) -> _Columns:
    header = text.lstrip().partition("\n")[0]
    # Spreadsheets write semicolons where the comma is the decimal one.
    delimiter = next((one for one in ",\t;" if one in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    columns: list[array[float]] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not names:
                names = _header(cells)
                columns = [array("d") for _ in names]
                continue
            if len(cells) != len(names):
                number = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
                raise ValueError(f"line {reader.line_num} has {number}, and the first {len(names)}")
            for name, column, cell in zip(names, columns, cells, strict=True):
                column.append(_read_cell(cell, name, reader.line_num))
            if len(columns[0]) * len(columns) > MOST_VALUES:
                raise ValueError(f"it has more than {MOST_VALUES} values")
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: it is no CSV: {error}") from None
    if names and not columns[0]:
        raise ValueError("it has names, and no point below them")
    return {name: (column, (len(column),)) for name, column in zip(names, columns, strict=True)}


def _header(cells: list[str]) -> list[str]:
    if not all(cells):
        raise ValueError(
            "a column has no name in the first line (pandas: write it with index=False)"
        )
    twice = [name for name, number in Counter(cells).items() if number > 1]
    if twice:
        raise ValueError(f"the column {twice[0]!r} is there twice")
    if all(map(_is_number, cells)):
        raise ValueError("its first line has numbers in place of the parameters' names")
    return cells


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_cell(cell: str, name: str, line: int) -> float:
    try:
        # Programs write plain numbers, and people pi/2.
        return parse_number(cell)
    except ValueError as problem:
        if not _DECIMAL_COMMA.fullmatch(cell):
            raise ValueError(f"line {line}, column {name}: {problem}") from None
        raise InvalidValueError(
            f"line {line}, column {name}: {cell!r} has a decimal comma",
            advice=f"Write numbers with a point: {cell.replace(',', '.')}.",
        ) from None


def _refuse(name: str, why: str, advice: str | None = None) -> NoReturn:
    raise InvalidValueError(
        f"{name} has no values of parameters: {why}.",
        advice=advice or _ADVICE,
        details={"path": name},
    ) from None
