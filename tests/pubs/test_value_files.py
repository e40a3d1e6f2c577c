"""Files of parameters' values: what is read, and what is said of what cannot be."""

import io
import json
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qrsession.errors import InvalidValueError
from qrsession.pubs.value_files import parse_value_file, read_value_file
from qrsession.pubs.values import MOST_VALUES

pytestmark = pytest.mark.fast


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def zipped(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def twice(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(name, data)
    return buffer.getvalue()


def npy(header: str, data: bytes = b"", length: int | None = None) -> bytes:
    text = header.encode()
    size = struct.pack("<H", len(text) if length is None else length)
    return b"\x93NUMPY\x01\x00" + size + text + data


def test_json_has_numbers_in_one_shape_and_numbers_for_all_points() -> None:
    found = parse_value_file(b'\xef\xbb\xbf {"a": [[1, 2.5], [3, 4]], "b": 7}', "f")
    assert found.shape == (2, 2)
    assert found.nested("a") == [[1.0, 2.5], [3.0, 4.0]]
    assert found.nested("b") == [[7.0, 7.0], [7.0, 7.0]]
    assert parse_value_file(b'{"a": 1}', "f").shape == ()


def test_csv_has_a_point_in_each_line() -> None:
    text = '\ufeff"the, one", b \r\n1,pi/2\r\n\r\n  \n"-2",3e-1\n'
    found = parse_value_file(text.encode(), "f")
    assert found.shape == (2,)
    assert found.nested("the, one") == [1.0, -2.0]
    assert found.nested("b") == [np.pi / 2, 0.3]
    for separator in (b"\t", b";"):
        lines = b"a,b\n1,2\n".replace(b",", separator)
        assert parse_value_file(lines, "f").at(0) == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">f4", "<i8", ">i2", "|u1", "<u4", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_has_arrays_of_any_numbers(dtype: str, order: Any) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]], dtype=dtype, order=order)
    found = parse_value_file(npz(a=values, b=np.float64(0.25)), "f")
    assert found.shape == (2, 3)
    assert found.nested("a") == values.astype(float).tolist()
    assert found.nested("b") == np.full((2, 3), 0.25).tolist()


def test_npz_of_random_numbers_comes_back_to_the_last_bit() -> None:
    values = np.random.default_rng(5).normal(size=(4, 5, 6))
    found = parse_value_file(npz(**{"theta[0]": values, "b": values.astype("f4")}), "f")
    assert np.array(found.nested("theta[0]")).tobytes() == values.tobytes()
    assert np.array(found.nested("b")).tobytes() == values.astype("f4").astype("f8").tobytes()


HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s,), }"
WRONG: list[tuple[bytes, str]] = [
    (b"", "it is empty"),
    (b"\xff\xfe\x00", "neither text in UTF-8 nor"),
    # JSON
    (b"[1, 2]", "values without names"),
    (b"{}", "no parameter"),
    (b'{"a": [1, 2}', "it is no JSON: Expecting ',' delimiter at character 12"),
    (b'{"a": ' + b"[" * 100_000, "it has lists in too many lists"),
    (b'{"a": ' + b"[" * 40 + b"1" + b"]" * 40 + b"}", "a has lists in too many lists"),
    (b'{"a": [1, 2], "b": [1, 2, 3]}', "a has values of the shape (2,), b of (3,)"),
    (b'{"a": [[1, 2], [3]]}', "a has lists of unequal lengths"),
    (b'{"a": [1, [2]]}', "a has lists of unequal lengths"),
    (b'{"a": [[1], 2]}', "a has lists of unequal lengths"),
    (b'{"a": "1"}', "a has text in place of a number"),
    (b'{"a": true}', "a has true or false in place"),
    (b'{"a": null}', "a has null in place"),
    (b'{"a": []}', "a has an empty list, so no point"),
    (b'{"a": [1, NaN]}', "a is nan at point 1"),
    (b'{"a": -Infinity}', "a is -inf; it must"),
    (b'{"a": 1' + b"0" * 400 + b"}", "a has a number that is too large"),
    (b'{"a": 1, "a": 2}', "it has 'a' twice"),
    # CSV
    (b"a,b\n1,2\n3\n", "line 3 has 1 cell, and the first 2"),
    (b"a,b\n1,2\n\n3,x\n", "line 4, column b: 'x' is no number"),
    (b"a\nnan\n", "line 2, column a: 'nan' is no number"),
    (b"a,\n1,2\n", "a column has no name"),
    (b"a,a\n1,2\n", "'a' is there twice"),
    (b"1,2\n3,4\n", "numbers in place of the parameters' names"),
    (b"a,b\n", "names, and no point below them"),
    (b"a;b\n1;2,5\n", "line 2, column b: '2,5' has a decimal comma"),
    (b"a,b\n1,\n", "line 2, column b: a number is missing"),
    (b'a\n"1\n', "it is no CSV"),
    (b"a\n" + b"1" * 200_000, "it is no CSV"),
    # NPZ
    (b"PK\x03\x04", "the ZIP file is damaged"),
    (npz(a=np.arange(3))[:-30], "the ZIP file is damaged"),
    (b"\x93NUMPY\x01\x00", "a single array has no name"),
    (npz(), "no parameter"),
    (npz(a=np.array([{"x": 1}], dtype=object)), "type '|O', and has no real numbers"),
    (npz(a=np.array([1j])), "'<c16', and has no real"),
    (npz(a=np.array(["x"])), "and has no real numbers"),
    (npz(a=np.zeros(2, [("x", "f8")])), "and has no real numbers"),
    (npz(a=np.zeros(2, "V8")), "'|V8', and has no real numbers"),
    (npz(a=np.zeros(2, "M8[s]")), "and has no real numbers"),
    (npz(a=np.array([1.0, np.inf])), "a is inf at point 1"),
    (npz(a=np.zeros((0, 2))), "shape (0, 2) have no point"),
    (npz(a=np.zeros(2), b=np.zeros((2, 1))), "of the shape (2,), b of (2, 1)"),
    (zipped({"[Content_Types].xml": b"<Types/>"}), "a document of an office program"),
    (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis", "office program"),
    (zipped({"a.txt": b"1"}), "'a.txt' in it is no array"),
    (zipped({"a.npy": b"1"}), "the array 'a' is not in NPY format"),
    (zipped({"a.npy": npy("{")}), "header of the array 'a' cannot be read"),
    (zipped({"a.npy": npy("(" * 9000)}), "header of the array 'a' cannot be read"),
    (zipped({"a.npy": npy("", length=60_000)}), "is too long"),
    (zipped({"a.npy": npy(HEADER % 2, b"\0" * 8)}), "does not hold as much"),
    (zipped({"a.npy": npy(HEADER % 1, b"\0" * 9)}), "does not hold as much"),
    (zipped({"a.npy": npy(HEADER % (MOST_VALUES + 1))}), "more than 10000000 numbers"),
    (zipped({"a.npy": npy(HEADER % -1)}), "no shape that an array can have"),
    (zipped({"a.npy": npy(HEADER % 10**12)}), "no shape that an array can have"),
    (zipped({"a.npy": npy(HEADER % "10**12")}), "header of the array 'a' cannot be read"),
    (zipped({"a.npy": npy(HEADER % 4, bytes(2**24))}), "does not hold as much"),
    (twice("a.npy", npy(HEADER % 1, bytes(8))), "the array 'a' is there twice"),
    (zipped({"a.npy": npy(HEADER % "'x'")}), "no shape that an array can have"),
    (b'{"a": ' + b"9" * 5000 + b"}", "it has a number that is too long"),
    (b"a\n" + b"9" * 5000 + b"\n", "…' is not finite"),
]


@pytest.mark.parametrize(("data", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_holds_no_values_is_told(data: bytes, words: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_value_file(data, "points")
    assert caught.value.message.startswith("points")
    assert words in caught.value.message


def test_a_file_is_read_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text(json.dumps({"a": [0, 1]}))
    assert read_value_file(str(path)).nested("a") == [0.0, 1.0]
    for name in (tmp_path, tmp_path / "missing", "a\0b"):
        with pytest.raises(InvalidValueError, match="cannot be read"):
            read_value_file(str(name))


def test_many_columns_take_no_time() -> None:
    """Thirty thousand names are looked through once: by pairs they took twenty seconds."""
    names = ",".join(f"p{number}" for number in range(30_000))
    numbers = ",".join(["0.5"] * 30_000)
    started_s = time.process_time()
    values = parse_value_file(f"{names}\n{numbers}\n".encode(), "wide.csv")
    assert time.process_time() - started_s < 5
    assert len(values.columns) == 30_000
