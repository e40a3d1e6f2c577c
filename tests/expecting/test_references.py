"""Files to compare with: what is read, and what is refused before anything is paid for."""

import json
from pathlib import Path

import pytest

from qrsession.errors import InvalidValueError
from qrsession.expecting.agreement import Distribution
from qrsession.expecting.references import read_reference, references_for

pytestmark = pytest.mark.fast

HALVES = {"00": 0.5, "11": 0.5}
PUB = {"shots": 4, "counts": {"00": 2, "11": 2}, "registers": {"c": {"00": 2, "11": 2}}}
COUNTED = Distribution(HALVES, 4)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"00": 0.5, "11": 0.5}', [Distribution(HALVES)]),
        ('{"00": 2, "11": 2}', [COUNTED]),
        ('\ufeff{"00": 2.0, "11": 2}\n', [COUNTED]),
        ('{"00": 1}', [Distribution({"00": 1.0})]),
        (json.dumps({"job": {"job_id": "d1"}, "pubs": [PUB, PUB]}), [COUNTED, COUNTED]),
        (json.dumps({"schema_version": 1, "data": {"jobs": [{"pubs": [PUB]}]}}), [COUNTED]),
        (json.dumps([HALVES, PUB]), [Distribution(HALVES), COUNTED]),
        ("00\t2\n11\t2\n", [COUNTED]),
        ("0\t0 0\t3\n\n0\t1 1\t1\n1\t0\t5\n", None),
        ("00\t0.5\n11\t0.5\n", [Distribution(HALVES)]),
    ],
)
def test_each_form_is_read(tmp_path: Path, text: str, found: list[Distribution] | None) -> None:
    file = tmp_path / "reference"
    file.write_text(text, encoding="utf-8")
    several = [Distribution({"0 0": 0.75, "1 1": 0.25}, 4), Distribution({"0": 1.0}, 5)]
    assert read_reference(file) == (several if found is None else found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("[]", "it is empty"),
        ("{}", "no count and no probability"),
        ("{", "no JSON"),
        ("[1]", "1 is no distribution"),
        ("[" * 5000, "no JSON"),
        ('{"0x1": 5}', "'0x1' is no bitstring"),
        ('{"00": 0.5, "11": 0.4}', "sum up to 0.9"),
        ('{"00": 1.5, "11": 0.7}', "sum up to 2.2"),
        ('{"00": -1, "11": 2}', "'00' has -1"),
        ('{"00": NaN}', "'00' has nan"),
        ('{"00": "a"}', "has no number"),
        ('{"00": true}', "has no number"),
        ('{"00": 0}', "no count"),
        (f'{{"00": 1{"0" * 400}}}', "'00' has"),
        ('{"evs": 1.0}', "no counts"),
        ("00 5", "line 1 is not"),
        ("00\tx", "line 1 is not"),
        ("00\t5\n00\t6", "a second time"),
        ("1\t00\t5", "number the circuits from 0"),
    ],
)
def test_what_is_no_reference_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "reference.json"
    file.write_text(text)
    with pytest.raises(InvalidValueError, match="is no reference") as caught:
        read_reference(file)
    assert words in caught.value.message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, words in (("binary", "no text"), ("nowhere", "No such file"), (".", "directory")):
        with pytest.raises(InvalidValueError, match=words):
            read_reference(tmp_path / name)


def test_references_must_fit_the_circuits() -> None:
    file = Path("r.json")
    two = [("a", [2]), ("b", [2])]
    one = Distribution(HALVES)
    assert references_for([one], two, file) == [one, one]
    assert references_for([one, COUNTED], two, file) == [one, COUNTED]
    with pytest.raises(InvalidValueError, match="2 distributions for 3 circuits"):
        references_for([one, one], [*two, ("c", [2])], file)
    for widths in ([3], [1, 1], []):
        with pytest.raises(InvalidValueError, match="'00' is no outcome of b"):
            references_for([one, one], [("a", [2]), ("b", widths)], file)
    # In registers, the last declared is on the left.
    joined = Distribution({"0 00": 1.0})
    assert references_for([joined], [("a", [1, 2])], file) == [joined]
