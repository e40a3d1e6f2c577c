"""Observables from options and files, and as they are sent."""

from pathlib import Path

import pytest
from qiskit.primitives.containers.observables_array import ObservablesArray

from qrsession.errors import InvalidValueError
from qrsession.pubs.observable_lists import parse_observable_file, read_observables
from qrsession.pubs.observables import parse_observable
from qrsession.pubs.wanted import observable_on_wire

pytestmark = pytest.mark.fast


def test_one_has_no_axis_and_several_have() -> None:
    one = read_observables(["0.5*ZZ - XI"])
    assert ([item.text for item in one.items], one.has_axis) == (["0.5*ZZ - XI"], False)
    two = read_observables(["ZZ", "XX"])
    assert ([item.text for item in two.items], two.has_axis) == (["ZZ", "XX"], True)


@pytest.mark.parametrize(
    ("text", "texts", "has_axis"),
    [
        ('"ZZ"', ["ZZ"], False),
        ('{"ZZ": 0.5, "XI": -1}', ["0.5*ZZ - XI"], False),
        ('[["ZZ", 0.5], ["XI", 2]]', ["0.5*ZZ + 2.0*XI"], False),
        ('["ZZ"]', ["ZZ"], True),
        ('["ZZ", {"XX": 1}, [["YY", 0.25]]]', ["ZZ", "XX", "0.25*YY"], True),
        ('\ufeff["0.5*ZZ + 0.2*XI", "10"]', ["0.5*ZZ + 0.2*XI", "10"], True),
    ],
)
def test_a_file_has_one_or_many(
    tmp_path: Path, text: str, texts: list[str], has_axis: bool
) -> None:
    path = tmp_path / "wanted.json"
    path.write_text(text, encoding="utf-8")
    found = read_observables([f"@{path}"])
    assert [item.text for item in found.items] == texts
    assert found.has_axis is has_axis
    both = read_observables([f"@{path}", "II"])
    assert [item.text for item in both.items] == [*texts, "II"]
    assert both.has_axis
    # What is shown of one can be typed.
    assert [parse_observable(item.text).terms for item in found.items] == [
        item.terms for item in found.items
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is no JSON"),
        (b"\xff", "no text in UTF-8"),
        (b"[" * 50_000, "nested too deeply"),
        (b"[]", "its list is empty"),
        (b"{}", "it is {}"),
        (b"5", "it is 5"),
        (b"null", "it is null"),
        (b'["ZZ", 5]', "entry 1 is 5"),
        (b'["ZZ", []]', "entry 1 is []"),
        (b'["ZZ", "Q"]', "entry 1: 'Q' is no observable"),
        (b'{"ZZ": "1"}', 'it is {"ZZ": "1"}'),
        (b'{"ZZ": true}', "the coefficient of 'ZZ' is true"),
        (b'{"ZZ": null}', "the coefficient of 'ZZ' is null"),
        (b'{"ZZ": NaN}', "is no finite number"),
        (b'{"ZZ": 1' + b"0" * 400 + b"}", "is no finite number"),
        (b'{"ZZ": 1, "Z": 1}', "its terms have 1 and 2 letters"),
        (b'{"": 1}', "has other letters"),
        (b'{"ZZ": 1, "ZZ": 2}', "'ZZ' is there twice"),
        (b'[[["ZZ", 1, 2]]]', "entry 0 is"),
    ],
)
def test_what_has_no_observables_is_told(data: bytes, words: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_observable_file(data, "wanted.json")
    assert caught.value.message.startswith("wanted.json has no observables: ")
    assert words in caught.value.message


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(InvalidValueError, match=r"missing\.json cannot be read"):
        read_observables(["@missing.json"])


def test_equal_terms_are_added_on_the_wire() -> None:
    sent = observable_on_wire(parse_observable("ZI + 0.5*ZI - IX"), [2, 0], 3)
    assert sent == {"IIZ": 1.5, "XII": -1.0}
    assert ObservablesArray.coerce(sent).num_qubits == 3
    assert observable_on_wire(parse_observable("ZI"), [0, 1], 2) == {"ZI": 1.0}


def test_what_is_expected_is_estimated_once() -> None:
    wanted = read_observables(["ZZ"]).with_also(map(parse_observable, ["1*ZZ", "XX", "XX"]))
    assert [item.text for item in wanted.items] == ["ZZ", "XX"]
    assert wanted.has_axis
    assert wanted.index_of(parse_observable("XX")) == 1
    assert not read_observables([]).with_also([parse_observable("Z")]).has_axis
