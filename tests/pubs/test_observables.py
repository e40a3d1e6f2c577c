"""Observables as text: what is read, what is refused, and what bits say of them."""

import pytest
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.quantum_info.random import random_statevector

from qrsession.errors import InvalidValueError
from qrsession.pubs.observables import Term, parse_observable, reader_of

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("ZZ", [(1.0, "ZZ")]),
        (" -ZI", [(-1.0, "ZI")]),
        ("0.5*ZZ + 0.2*XI", [(0.5, "ZZ"), (0.2, "XI")]),
        ("ZZ-1e-3 * IZ", [(1.0, "ZZ"), (-1e-3, "IZ")]),
        ("+.5*01 \u2212 2.*1I", [(0.5, "01"), (-2.0, "1I")]),
        ("01", [(1.0, "01")]),
    ],
)
def test_sums_are_read(text: str, terms: list[tuple[float, str]]) -> None:
    assert list(parse_observable(text).terms) == [Term(*term) for term in terms]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a term is missing"),
        ("zz", "its letters are capitals: ZZ"),
        ("ZZ +", "'+' is no term"),
        ("ZZ IZ", "'IZ' is no term"),
        ("ZA", "other letters"),
        ("0.5", "'0.5' is no term; a number stands before letters: 0.5*ZZ"),
        ("ZZ - 0.25 XX", "'0.25' is no term; a number"),
        ("ZZ, XX", "several observables have an --observable each"),
        ("ZZ + Z", "1 and 2 letters"),
        ("1e999*Z", "too large"),
        ("2*3*Z", "other letters"),
        ("Z" * 3 + "\x1b", "no term"),
    ],
)
def test_what_is_no_observable_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidValueError, match="is no observable") as caught:
        parse_observable(text)
    assert words in caught.value.message


def test_a_long_line_of_blanks_is_read_at_once() -> None:
    assert parse_observable("Z" + " " * 100_000 + "+ Z").text == "Z + Z"


def test_qubit_0_is_on_the_right() -> None:
    observable = parse_observable("0.5*ZII - 0.5*1IZ")
    assert (observable.num_qubits, observable.qubits) == (3, [0, 2])
    assert observable.is_diagonal
    assert not parse_observable("0.5*ZI - 0.5*YZ").is_diagonal
    assert observable.bounds == (-1.0, 1.0)
    assert parse_observable("2*00 - 3*11").bounds == (-3.0, 2.0)
    # Qubit 0 is read at bit 1, qubit 2 at bit 3; spaces between registers do not count.
    read = reader_of(observable, {0: 1, 2: 3})
    assert read("00 00") == 0.5
    assert read("10 00") == -0.5 - 0.5
    assert read("10 10") == -0.5 + 0.5
    assert read("01 01") == 0.5


def test_values_are_those_of_qiskit() -> None:
    state = Statevector(random_statevector(8, seed=7))
    text = "0.5*ZZI - 1.25*IIZ + 2*ZIZ - III"
    read = reader_of(parse_observable(text), {0: 0, 1: 1, 2: 2})
    ours = sum(chance * read(bits) for bits, chance in state.probabilities_dict().items())
    theirs = SparsePauliOp(["ZZI", "IIZ", "ZIZ", "III"], [0.5, -1.25, 2, -1])
    assert ours == pytest.approx(state.expectation_value(theirs).real, abs=1e-12)


def test_a_long_sum_is_no_part_of_a_message() -> None:
    text = " + ".join(["ZZ"] * 5000)
    for wrong in (f"{text} + Z", f"{text} + Q", f"{text} ZZ", "Q" * 10_000, f"1{'0' * 9000}*Z"):
        with pytest.raises(InvalidValueError, match="is no observable") as caught:
            parse_observable(wrong)
        assert len(caught.value.message) < 300
    assert parse_observable(text).short_text.endswith("ZZ +…")
    assert parse_observable("ZZ").short_text == "ZZ"
